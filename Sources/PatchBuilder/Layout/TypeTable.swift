import ELF

// What the debug information of one object says about its types: for every struct, class, union and enumeration
// that has a name (its own, a typedef's, or that of the variable with a nameless type), where each field lies.

/// The layout of one type.
struct TypeLayout: Equatable {
    /// One field, or one value of an enumeration.
    struct Field: Equatable {
        /// Path inside the type; nameless parts are passed through.
        var name: String
        /// In bits from the start; the value, of an enumerator; the slot, of a virtual function.
        var offset: Int
        /// What is there, in words that are equal exactly if old data can be read as new: `integer 4 bytes`.
        var shape: String
    }

    /// `struct`, `class`, `union` or `enum`.
    var kind: String
    /// In bytes.
    var size: Int
    /// In the order of declaration.
    var fields: [Field]
    /// Index of the defining entry.
    var entry: Int
}

/// The types of one object, and who uses them.
struct TypeTable {
    let debug: DebugEntries
    /// By kind and qualified name.
    private(set) var layouts: [String: TypeLayout] = [:]
    private var children: [[Int]] = []
    /// Entry of a type → its key.
    private(set) var keys: [Int: String] = [:]

    /// DWARF's tags, as far as they are told apart here.
    enum Tag {
        static let array: UInt64 = 0x01
        static let classType: UInt64 = 0x02
        static let enumeration: UInt64 = 0x04
        static let parameter: UInt64 = 0x05
        static let block: UInt64 = 0x0b
        static let member: UInt64 = 0x0d
        static let pointer: UInt64 = 0x0f
        static let reference: UInt64 = 0x10
        static let unit: UInt64 = 0x11
        static let structure: UInt64 = 0x13
        static let subroutineType: UInt64 = 0x15
        static let typedef: UInt64 = 0x16
        static let union: UInt64 = 0x17
        static let inheritance: UInt64 = 0x1c
        static let inlined: UInt64 = 0x1d
        static let memberPointer: UInt64 = 0x1f
        static let subrange: UInt64 = 0x21
        static let base: UInt64 = 0x24
        static let constant: UInt64 = 0x26
        static let enumerator: UInt64 = 0x28
        static let subprogram: UInt64 = 0x2e
        static let variable: UInt64 = 0x34
        static let volatile: UInt64 = 0x35
        static let restrict: UInt64 = 0x37
        static let namespace: UInt64 = 0x39
        static let rvalueReference: UInt64 = 0x42
        static let atomic: UInt64 = 0x47
    }

    init(_ file: ELFFile) throws(ELFError) {
        debug = try DebugEntries(file)
        children = Array(repeating: [], count: debug.entries.count)
        for (index, entry) in debug.entries.enumerated() where entry.parent >= 0 {
            children[entry.parent].append(index)
        }
        nameTypes()
        for (index, key) in keys where layouts[key] == nil { layouts[key] = layout(of: index) }
    }

    /// Whether there is debug information at all.
    var isEmpty: Bool { debug.entries.isEmpty }

    func children(of index: Int) -> [Int] { children[index] }

    static func isAggregate(_ tag: UInt64) -> Bool {
        [Tag.structure, Tag.classType, Tag.union, Tag.enumeration].contains(tag)
    }

    /// Gives every defined type its key; a typedef or a variable names what has no name of its own.
    private mutating func nameTypes() {
        var taken: Set<String> = []
        func free(_ key: String) -> String {
            var number = 1
            var name = key
            while !taken.insert(name).inserted {
                number += 1
                name = "\(key)#\(number)"
            }
            return name
        }
        for (index, entry) in debug.entries.enumerated() where Self.isAggregate(entry.tag) && !entry.isDeclaration {
            guard entry.name != nil, let name = qualified(index) else { continue }
            keys[index] = free("\(Self.kind(entry.tag)) \(name)")
        }
        for (index, entry) in debug.entries.enumerated() {
            guard entry.tag == Tag.typedef || entry.tag == Tag.variable, let target = entry.type,
                let type = stripped(target, through: [Tag.array]), Self.isAggregate(debug.entries[type].tag),
                debug.entries[type].name == nil, keys[type] == nil, let name = qualified(index)
            else { continue }
            keys[type] = free(entry.tag == Tag.typedef ? name : "type of \(name)")
        }
    }

    private static func kind(_ tag: UInt64) -> String {
        switch tag {
        case Tag.union: "union"
        case Tag.enumeration: "enum"
        case Tag.classType: "class"
        default: "struct"
        }
    }

    /// The name with those of namespaces, classes and functions around it.
    func qualified(_ index: Int) -> String? {
        guard let name = debug.name(index) else { return nil }
        var parts = [name]
        var at = debug.entries[index].parent
        while at >= 0 {
            let entry = debug.entries[at]
            if entry.tag == Tag.namespace || entry.tag == Tag.subprogram || Self.isAggregate(entry.tag) {
                parts.append(debug.name(at) ?? "(anonymous)")
            }
            at = entry.parent
        }
        return parts.reversed().joined(separator: "::")
    }

    /// The type behind qualifiers and typedefs, and what else `through` names; nil for `void`.
    func stripped(_ offset: Int, through more: Set<UInt64> = []) -> Int? {
        var at = debug.index(at: offset)
        for _ in 0..<64 {
            guard let index = at else { return nil }
            let entry = debug.entries[index]
            let isName = [Tag.typedef, Tag.constant, Tag.volatile, Tag.restrict, Tag.atomic].contains(entry.tag)
            guard isName || more.contains(entry.tag) else { return index }
            guard let next = entry.type else { return nil }
            at = debug.index(at: next)
        }
        return nil
    }
}

// MARK: - layouts

extension TypeTable {
    private func layout(of index: Int) -> TypeLayout {
        let entry = debug.entries[index]
        var fields: [TypeLayout.Field] = []
        if entry.tag == Tag.enumeration {
            for child in children[index] where debug.entries[child].tag == Tag.enumerator {
                fields.append(
                    .init(
                        name: debug.name(child) ?? "", offset: Int(clamping: debug.entries[child].constant ?? 0),
                        shape: "value"))
            }
        } else {
            addFields(of: index, prefix: "", base: 0, depth: 0, to: &fields)
        }
        return TypeLayout(kind: Self.kind(entry.tag), size: entry.size ?? 0, fields: fields, entry: index)
    }

    private func addFields(
        of index: Int, prefix: String, base: Int, depth: Int, to fields: inout [TypeLayout.Field]
    ) {
        for child in children[index] {
            let entry = debug.entries[child]
            switch entry.tag {
            case Tag.member where !entry.isExternal && !entry.isDeclaration:
                addField(child, prefix: prefix, base: base, depth: depth, to: &fields)
            case Tag.inheritance:
                let name = entry.type.flatMap { stripped($0) }.flatMap { qualified($0) } ?? ""
                fields.append(
                    .init(
                        name: "base \(name)", offset: base + (entry.location ?? 0) * 8, shape: shape(entry.type)))
            case Tag.subprogram where entry.isVirtual:
                let name = debug.name(child) ?? ""
                let same = fields.count { $0.name.hasPrefix("virtual \(name)") }
                fields.append(
                    .init(
                        name: "virtual \(name)" + (same == 0 ? "" : "#\(same + 1)"), offset: entry.location ?? 0,
                        shape: "slot"))
            default: break
            }
        }
    }

    private func addField(
        _ child: Int, prefix: String, base: Int, depth: Int, to fields: inout [TypeLayout.Field]
    ) {
        let entry = debug.entries[child]
        var offset = base + (entry.location ?? 0) * 8
        if let bits = entry.bitOffset {
            // DWARF 2 counts from the most significant bit of a unit of `byte_size`; kept here as -1 - offset.
            if bits >= 0 {
                offset += bits
            } else {
                let unit = (entry.size ?? size(entry.type)) * 8
                offset += unit - (-1 - bits) - (entry.bitSize ?? 0)
            }
        }
        let name = prefix + (debug.name(child) ?? "")
        if let type = entry.type.flatMap({ stripped($0) }), Self.isAggregate(debug.entries[type].tag),
            debug.entries[type].tag != Tag.enumeration, keys[type] == nil, depth < 16
        {
            let inner = debug.name(child) == nil ? prefix : name + "."
            addFields(of: type, prefix: inner, base: offset, depth: depth + 1, to: &fields)
            return
        }
        let width = entry.bitSize.map { "\($0) bits of " } ?? ""
        fields.append(.init(name: name, offset: offset, shape: width + shape(entry.type)))
    }

    /// What old data must be to be read as this.
    func shape(_ offset: Int?, depth: Int = 0) -> String {
        guard let offset, depth < 16, let index = stripped(offset) else { return "nothing" }
        let entry = debug.entries[index]
        switch entry.tag {
        case Tag.memberPointer: return "pointer"
        case Tag.pointer, Tag.reference, Tag.rvalueReference:
            // A type with a name is its own affair, and plain bytes may be anything.
            guard let target = entry.type, let led = stripped(target) else { return "pointer" }
            switch debug.entries[led].tag {
            case Tag.base where debug.entries[led].size ?? 0 > 1, Tag.pointer:
                return "pointer to \(shape(target, depth: depth + 1))"
            default: return "pointer"
            }
        case Tag.array:
            let counts = counts(ofArray: index).map { "[\($0)]" }.joined()
            return "array \(counts) of \(shape(entry.type, depth: depth + 1))"
        case Tag.base:
            // 4 is float, 3 complex; signs don't matter for where things are.
            let what = [3, 4, 15].contains(entry.encoding ?? 0) ? "float" : "integer"
            return "\(what) of \(entry.size ?? 0) bytes"
        case Tag.enumeration: return "integer of \(entry.size ?? 0) bytes"
        case Tag.subroutineType: return "function"
        default:
            return "\(keys[index] ?? debug.name(index) ?? "nameless") of \(entry.size ?? 0) bytes"
        }
    }

    /// How many elements an array has, in each dimension; 0 where that isn't known.
    func counts(ofArray index: Int) -> [Int] {
        children[index].filter { debug.entries[$0].tag == Tag.subrange }.map { debug.entries[$0].count ?? 0 }
    }

    private func size(_ offset: Int?) -> Int {
        offset.flatMap { stripped($0) }.flatMap { debug.entries[$0].size } ?? 4
    }
}
