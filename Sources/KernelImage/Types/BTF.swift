public import ELF

/// The kernel's type information, in the BPF Type Format (Documentation/bpf/btf.rst).
///
///     header: magic 2 │ version 1 │ flags 1 │ header's length 4 │ types: offset 4, length 4 │ names: offset 4,
///             length 4      (offsets count from the header's end)
///     type:   name 4 │ count 0-15, kind 24-28, flag 31 │ size or other type 4 │ what the kind adds
///
/// Types are numbered from 1 in the order in which they stand; 0 is void. Information of a module continues the
/// kernel's numbers and names (split BTF): it is read with the kernel's as its base.
public struct BTF: Sendable {
    /// The kinds of types, by their number in the format.
    public enum Kind: UInt8, Sendable {
        case integer = 1
        case pointer, array, structure, union, enumeration, forward, typedef, volatile, const, restrict, function
        case prototype, variable, section, float, declarationTag, typeTag, enumeration64
    }

    /// One member of a structure or union.
    public struct Member: Sendable, Equatable {
        /// The name; empty for an unnamed structure or union inside.
        public let name: String
        /// The number of its type.
        public let type: UInt32
        /// Where it starts, in bits.
        public let bitOffset: UInt32
        /// Width of a bit field in bits; 0 if it is none.
        public let bitSize: UInt32
    }

    /// One type.
    public struct TypeRecord: Sendable, Equatable {
        /// Its number.
        public let id: UInt32
        /// The name; empty if it has none.
        public let name: String
        /// What it is.
        public let kind: Kind
        /// Size in bytes for kinds that have one, otherwise the type that it refers to.
        public let sizeOrType: UInt32
        /// Members of a structure or union.
        public let members: [Member]
        /// An array's number of elements, and its elements' type.
        public let array: (element: UInt32, count: UInt32)?

        /// Whether all parts that the kind uses are equal.
        public static func == (left: TypeRecord, right: TypeRecord) -> Bool {
            left.id == right.id && left.name == right.name && left.kind == right.kind
                && left.sizeOrType == right.sizeOrType && left.members == right.members
        }
    }

    private let types: ByteView
    private let names: ByteView
    /// Offset of each type's record, from number ``firstID`` on.
    private let offsets: [UInt32]
    private let firstID: UInt32
    private let firstName: UInt32
    private let base: [BTF]

    /// Reads the bytes of a `.BTF` section.
    /// - Throws: ``KernelImageError/Kind/types(_:offset:)`` if the information contradicts itself.
    public init(_ bytes: ByteView, base: BTF? = nil) throws(KernelImageError) {
        guard let magic = try? bytes.load(0, as: UInt16.self), magic == 0xeb9f else {
            throw KernelImageError(.types("no magic number", offset: 0))
        }
        (types, names) = try reading { () throws(ELFError) in
            let length = UInt64(try bytes.load(4, as: UInt32.self))
            func part(_ at: Int) throws(ELFError) -> ByteView {
                let offset = UInt64(try bytes.load(at, as: UInt32.self))
                return try bytes.slice(length + offset, UInt64(try bytes.load(at + 4, as: UInt32.self)), "types")
            }
            return (try part(8), try part(16))
        }
        self.base = base.map { [$0] } ?? []
        firstID = base.map { $0.firstID + UInt32(truncatingIfNeeded: $0.offsets.count) } ?? 1
        firstName = base.map { $0.firstName + UInt32(truncatingIfNeeded: $0.names.count) } ?? 0
        offsets = try Self.scan(types)
    }

    /// The number of types of this part, base not counted.
    public var count: Int { offsets.count }
    /// Numbers of this part's types.
    public var ids: Range<UInt32> { firstID..<(firstID + UInt32(truncatingIfNeeded: offsets.count)) }

    private static func scan(_ types: ByteView) throws(KernelImageError) -> [UInt32] {
        var offsets: [UInt32] = []
        offsets.reserveCapacity(types.count / 24)
        // One copy, because a kernel has half a million words here and every one is looked at.
        let bytes = types.bytes
        var at = 0
        while at < bytes.count {
            guard at + 12 <= bytes.count else { throw KernelImageError(.types("truncated", offset: at)) }
            let info = word(bytes, at + 4)
            guard let kind = Kind(rawValue: UInt8(info >> 24 & 0x1f)) else {
                throw KernelImageError(.types("kind \(info >> 24 & 0x1f)", offset: at))
            }
            offsets.append(UInt32(truncatingIfNeeded: at))
            at += 12 + extra(kind, Int(info & 0xffff))
        }
        guard at == bytes.count else { throw KernelImageError(.types("truncated", offset: at)) }
        return offsets
    }

    @inline(__always)
    private static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24
    }

    /// Bytes behind a record's first 12.
    private static func extra(_ kind: Kind, _ count: Int) -> Int {
        switch kind {
        case .integer, .variable, .declarationTag: 4
        case .array: 12
        case .structure, .union, .section, .enumeration64: 12 * count
        case .enumeration, .prototype: 8 * count
        default: 0
        }
    }
}

extension BTF {
    /// A type by its number; `nil` for void and for numbers that aren't used.
    public func type(_ id: UInt32) throws(KernelImageError) -> TypeRecord? {
        guard id >= firstID else {
            guard let base = base.first, id > 0 else { return nil }
            return try base.type(id)
        }
        guard Int(id - firstID) < offsets.count else { return nil }
        let at = Int(offsets[Int(id - firstID)])
        return try reading { () throws(ELFError) in try record(id, at) }
    }

    /// The types of a kind and name, in order of their numbers.
    public func types(named name: String, _ kind: Kind) throws(KernelImageError) -> [TypeRecord] {
        var found = try base.first?.types(named: name, kind) ?? []
        let wanted = Array(name.utf8) + [0]
        for (index, at) in offsets.enumerated() {
            let matches = try reading { () throws(ELFError) in
                guard UInt8(try types.load(Int(at) + 4, as: UInt32.self) >> 24 & 0x1f) == kind.rawValue else {
                    return false
                }
                return try nameMatches(try types.load(Int(at)), wanted)
            }
            guard matches, let record = try type(firstID + UInt32(truncatingIfNeeded: index)) else { continue }
            found.append(record)
        }
        return found
    }

    /// A structure by its name; the first, if several files of the kernel define different ones.
    public func structure(_ name: String) throws(KernelImageError) -> TypeRecord {
        guard let found = try types(named: name, .structure).first else {
            throw KernelImageError(.missing("struct \(name)"))
        }
        return found
    }

    /// The name at an offset into the table of names, the base's included.
    func name(_ offset: UInt32) throws(ELFError) -> String {
        if offset == 0 { return "" }
        if offset < firstName, let base = base.first { return try base.name(offset) }
        return try names.cString(Int(offset - firstName), "name of a type")
    }

    private func nameMatches(_ offset: UInt32, _ wanted: [UInt8]) throws(ELFError) -> Bool {
        if offset < firstName { return try name(offset).utf8.elementsEqual(wanted.dropLast()) }
        let at = Int(offset - firstName)
        guard at + wanted.count <= names.count else { return false }
        for (index, byte) in wanted.enumerated() where try names.load(at + index, as: UInt8.self) != byte {
            return false
        }
        return true
    }

    private func record(_ id: UInt32, _ at: Int) throws(ELFError) -> TypeRecord {
        let info: UInt32 = try types.load(at + 4)
        // The kind was checked when the types were scanned.
        let kind = Kind(rawValue: UInt8(info >> 24 & 0x1f)) ?? .forward
        var members: [Member] = []
        var array: (UInt32, UInt32)?
        if kind == .structure || kind == .union {
            for index in 0..<Int(info & 0xffff) {
                members.append(try member(at + 12 + 12 * index, hasBitFields: info >> 31 == 1))
            }
        } else if kind == .array {
            array = (try types.load(at + 12), try types.load(at + 20))
        }
        return TypeRecord(
            id: id, name: try name(try types.load(at)), kind: kind, sizeOrType: try types.load(at + 8),
            members: members, array: array)
    }

    private func member(_ at: Int, hasBitFields: Bool) throws(ELFError) -> Member {
        let offset: UInt32 = try types.load(at + 8)
        return Member(
            name: try name(try types.load(at)), type: try types.load(at + 4),
            bitOffset: hasBitFields ? offset & 0xff_ffff : offset, bitSize: hasBitFields ? offset >> 24 : 0)
    }
}
