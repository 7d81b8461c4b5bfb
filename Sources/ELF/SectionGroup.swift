/// Sections that the linker keeps or drops together, `SHT_GROUP`.
public struct SectionGroup: Sendable, Equatable {
    /// Index of the group's own section.
    public let index: Int
    /// The name that tells groups apart: that of its symbol, or of the section that the symbol stands for.
    public let signature: String
    /// Whether only one group with this signature is kept (`GRP_COMDAT`), as for C++ inline functions.
    public let isComdat: Bool
    /// Indices of the sections, in the file's order.
    public let members: [Int]
}

extension ELFFile {
    /// The section groups of a relocatable object.
    public func sectionGroups() throws(ELFError) -> [SectionGroup] {
        let groups = sections.filter { $0.type == .group }
        guard !groups.isEmpty else { return [] }
        // All groups of an object name symbols of its one symbol table.
        let symbols = try self.symbols()
        var all: [SectionGroup] = []
        for group in groups {
            let words = try rawContents(of: group)
            guard words.count >= 4, symbols.indices.contains(group.info) else {
                throw ELFError(.inconsistent, at: group.offset, "section group \(group.index)")
            }
            var members: [Int] = []
            for at in stride(from: 4, to: words.count / 4 * 4, by: 4) {
                members.append(try section(Int(try words.load(at, as: UInt32.self))).index)
            }
            all.append(
                SectionGroup(
                    index: group.index, signature: try signature(symbols[group.info]),
                    isComdat: try words.load(0, as: UInt32.self) & 1 != 0, members: members))
        }
        return all
    }

    private func signature(_ symbol: Symbol) throws(ELFError) -> String {
        guard symbol.type == .section, symbol.name.isEmpty, let index = symbol.sectionIndex else {
            return symbol.name
        }
        return try section(index).name
    }
}
