/// One relocation with addend, `Elf64_Rela`.
public struct Relocation: Sendable, Equatable {
    /// `r_offset`: in relocatable objects from the start of the section, else a virtual address.
    public let offset: UInt64
    /// Low half of `r_info`: processor-specific, see ``X86_64Relocation``.
    public let type: UInt32
    /// High half of `r_info`: index into the symbol table, 0 for none.
    public let symbol: Int
    /// `r_addend`.
    public let addend: Int64

    /// Makes a relocation.
    public init(offset: UInt64, type: UInt32, symbol: Int, addend: Int64) {
        self.offset = offset
        self.type = type
        self.symbol = symbol
        self.addend = addend
    }
}

extension ELFFile {
    /// The entries of one `SHT_RELA` section.
    public func relocations(in section: Section) throws(ELFError) -> [Relocation] {
        guard section.type == .rela else {
            throw ELFError(.unsupported, at: section.offset, "relocations without addends in \(section.name)")
        }
        return try Self.relocations(try rawContents(of: section))
    }

    /// The relocations that apply to a section of a relocatable object.
    public func relocations(of section: Section) throws(ELFError) -> [Relocation] {
        var all: [Relocation] = []
        for table in relocationTables[section.index] ?? [] { all += try relocations(in: sections[table]) }
        return all
    }

    /// Reads a table of `Elf64_Rela`.
    public static func relocations(_ table: ByteView) throws(ELFError) -> [Relocation] {
        var relocations: [Relocation] = []
        relocations.reserveCapacity(table.count / 24)
        for at in stride(from: 0, to: table.count / 24 * 24, by: 24) {
            let info: UInt64 = try table.load(at + 8)
            relocations.append(
                Relocation(
                    offset: try table.load(at), type: UInt32(truncatingIfNeeded: info), symbol: Int(info >> 32),
                    addend: try table.load(at + 16)))
        }
        return relocations
    }
}
