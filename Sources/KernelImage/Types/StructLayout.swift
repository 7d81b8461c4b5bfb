/// Where the members of one structure of the kernel lie: what is needed to write an instance of it.
public struct StructLayout: Sendable, Equatable {
    /// The structure's name.
    public let name: String
    /// Size in bytes.
    public let size: Int
    private let offsets: [String: Int]

    /// Takes a layout from type information; members of unnamed structures inside count as its own.
    public init(_ name: String, in types: BTF) throws(KernelImageError) {
        let type = try types.structure(name)
        self.name = name
        size = Int(type.sizeOrType)
        var offsets: [String: Int] = [:]
        try Self.collect(type, at: 0, in: types, &offsets, depth: 0)
        self.offsets = offsets
    }

    /// Offset of a member in bytes.
    /// - Throws: ``KernelImageError/Kind/missing(_:)`` if there is none of that name.
    public func offset(_ member: String) throws(KernelImageError) -> Int {
        guard let offset = offsets[member] else { throw KernelImageError(.missing("struct \(name).\(member)")) }
        return offset
    }

    /// Whether the structure has a member of that name.
    public func has(_ member: String) -> Bool { offsets[member] != nil }

    private static func collect(
        _ type: BTF.TypeRecord, at start: Int, in types: BTF, _ offsets: inout [String: Int], depth: Int
    ) throws(KernelImageError) {
        guard depth < 16 else { return }
        for member in type.members {
            let offset = start + Int(member.bitOffset / 8)
            if !member.name.isEmpty {
                if offsets[member.name] == nil { offsets[member.name] = offset }
            } else if let inner = try types.type(member.type), inner.kind == .structure || inner.kind == .union {
                try collect(inner, at: offset, in: types, &offsets, depth: depth + 1)
            }
        }
    }
}
