/// One section header, `Elf64_Shdr`.
public struct Section: Sendable, Equatable {
    /// Position in the section table.
    public let index: Int
    /// The name, empty if the file has no section names.
    public let name: String
    /// `sh_type`.
    public let type: SectionType
    /// `sh_flags`.
    public let flags: SectionFlags
    /// `sh_addr`: virtual address in memory, 0 in relocatable objects.
    public let address: UInt64
    /// `sh_offset`: from the start of the file, in bytes.
    public let offset: UInt64
    /// `sh_size`, in bytes; for `SHT_NOBITS`, in memory only.
    public let size: UInt64
    /// `sh_link`: a section index whose meaning depends on the type.
    public let link: Int
    /// `sh_info`: meaning depends on the type.
    public let info: Int
    /// `sh_addralign`, in bytes, 0 or a power of two.
    public let alignment: UInt64
    /// `sh_entsize`: bytes per entry for tables, else 0.
    public let entrySize: UInt64

    static func table(_ bytes: ByteView, _ header: FileHeader) throws(ELFError) -> [Section] {
        let size = header.sectionTable.entrySize
        let table = try bytes.table(header.sectionTable, minimum: 64, "section table")
        guard header.sectionTable.count > 0 else { return [] }
        var names = try bytes.slice(0, 0, "section names")
        if header.namesIndex != 0 {
            guard header.namesIndex < header.sectionTable.count else {
                throw ELFError(.inconsistent, at: 62, "section name index \(header.namesIndex)")
            }
            let at = header.namesIndex * size
            names = try bytes.slice(try table.load(at + 24), try table.load(at + 32), "section names")
        }
        var reader = NameTable(names, entries: header.sectionTable.count)
        var sections: [Section] = []
        sections.reserveCapacity(header.sectionTable.count)
        for index in 0..<header.sectionTable.count {
            sections.append(try Section(table, at: index * size, index: index, &reader))
        }
        return sections
    }

    private init(_ table: ByteView, at: Int, index: Int, _ names: inout NameTable) throws(ELFError) {
        self.index = index
        name = try names.name(at: try table.load(at), "section", index)
        type = SectionType(rawValue: try table.load(at + 4))
        flags = SectionFlags(rawValue: try table.load(at + 8))
        address = try table.load(at + 16)
        offset = try table.load(at + 24)
        size = try table.load(at + 32)
        link = Int(try table.load(at + 40, as: UInt32.self))
        info = Int(try table.load(at + 44, as: UInt32.self))
        alignment = try table.load(at + 48)
        entrySize = try table.load(at + 56)
    }
}

/// One program header, `Elf64_Phdr`.
public struct Segment: Sendable, Equatable {
    /// `p_type`.
    public let type: SegmentType
    /// `p_flags`.
    public let flags: SegmentFlags
    /// `p_offset`: from the start of the file, in bytes.
    public let offset: UInt64
    /// `p_vaddr`: virtual address before the load bias is added.
    public let address: UInt64
    /// `p_filesz`, in bytes.
    public let fileSize: UInt64
    /// `p_memsz`, in bytes.
    public let memorySize: UInt64
    /// `p_align`, in bytes.
    public let alignment: UInt64

    static func table(_ bytes: ByteView, _ header: FileHeader) throws(ELFError) -> [Segment] {
        let at = header.segmentTable
        let table = try bytes.table(at, minimum: 56, "program headers")
        return try self.table(table, entrySize: at.entrySize, count: at.count)
    }

    static func table(_ table: ByteView, entrySize: Int, count: Int) throws(ELFError) -> [Segment] {
        var segments: [Segment] = []
        for index in 0..<count {
            let at = index * entrySize
            segments.append(
                Segment(
                    type: SegmentType(rawValue: try table.load(at)),
                    flags: SegmentFlags(rawValue: try table.load(at + 4)),
                    offset: try table.load(at + 8), address: try table.load(at + 16),
                    fileSize: try table.load(at + 32), memorySize: try table.load(at + 40),
                    alignment: try table.load(at + 48)))
        }
        return segments
    }
}
