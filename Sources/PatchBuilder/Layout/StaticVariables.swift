/// A variable that lives as long as the program, as far as old values must fit new code.
struct StaticVariable: Equatable {
    /// In bytes.
    var size: Int
    /// ``TypeLayout/Field/shape`` of its type.
    var shape: String
    /// What lies where in it, whatever the names are; nil for anything else than a struct, class or union.
    var fields: [String]?

    /// Whether both are structs with the same in the same places.
    func isBuiltLike(_ other: StaticVariable) -> Bool { fields != nil && fields == other.fields }
}

extension TypeTable {
    /// The variables that have a place of their own and can be written, by qualified name.
    ///
    /// Of several with one name (in blocks of a function) none is answered: which is which can't be told.
    func staticVariables() -> [String: StaticVariable] {
        var found: [String: StaticVariable] = [:]
        var doubtful: Set<String> = []
        for (index, entry) in debug.entries.enumerated()
        where entry.tag == Tag.variable && entry.hasStaticPlace && !entry.isDeclaration {
            // An instance of a declaration (`extern` before the definition) has its type there.
            let origin = entry.origin.flatMap { debug.index(at: $0) }
            guard let type = entry.type ?? origin.flatMap({ debug.entries[$0].type }), !isConstant(type),
                let name = qualified(index)
            else { continue }
            if found[name] != nil { doubtful.insert(name) }
            found[name] = variable(type)
        }
        for name in doubtful { found[name] = nil }
        return found
    }

    private func variable(_ type: Int) -> StaticVariable {
        let target = stripped(type)
        let fields = target.flatMap { keys[$0] }.flatMap { layouts[$0] }.map { layout in
            layout.fields.map { "\($0.offset): \($0.shape)" }
        }
        return StaticVariable(size: extent(type), shape: shape(type), fields: fields)
    }

    /// The size of a type, arrays included; 0 if it isn't known.
    private func extent(_ type: Int, depth: Int = 0) -> Int {
        guard depth < 16, let index = stripped(type) else { return 0 }
        let entry = debug.entries[index]
        if let size = entry.size { return size }
        switch entry.tag {
        case Tag.pointer, Tag.reference, Tag.rvalueReference: return 8
        case Tag.array:
            let each = entry.type.map { extent($0, depth: depth + 1) } ?? 0
            return counts(ofArray: index).reduce(each) { $0.multipliedReportingOverflow(by: $1).partialValue }
        default: return 0
        }
    }

    /// Whether data of the type can't be written: `const` outside, or `const` elements.
    private func isConstant(_ type: Int) -> Bool {
        var at: Int? = type
        for _ in 0..<64 {
            guard let index = at.flatMap({ debug.index(at: $0) }) else { return false }
            switch debug.entries[index].tag {
            case Tag.constant: return true
            case Tag.typedef, Tag.volatile, Tag.restrict, Tag.atomic, Tag.array: at = debug.entries[index].type
            default: return false
            }
        }
        return false
    }
}
