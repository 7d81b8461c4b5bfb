public import Linux

/// One ELF64 little-endian file, read in place: the entry to everything else in this room.
///
/// Opening reads the file header and the tables of sections and segments; all else (symbols, relocations,
/// notes) is read when asked for. Nothing here traps on malformed data: each defect is an ``ELFError`` with
/// its offset. Follows the System V gABI, chapters 4 and 5.
public struct ELFFile: Sendable {
    /// The whole file.
    public let bytes: ByteView
    /// `e_type`.
    public let type: FileType
    /// `e_machine`.
    public let machine: Machine
    /// `e_entry`: virtual address of the first instruction, 0 if none.
    public let entry: UInt64
    /// `e_flags`: processor-specific.
    public let flags: UInt32
    /// All sections, index 0 (the null section) included, so that indices match the file's.
    public let sections: [Section]
    /// All program headers.
    public let segments: [Segment]
    /// For each section that has relocations, the sections that hold them.
    let relocationTables: [Int: [Int]]

    /// Reads the header and the tables of a file.
    public init(_ bytes: ByteView) throws(ELFError) {
        let header = try FileHeader(bytes)
        self.bytes = bytes
        type = header.type
        machine = header.machine
        entry = header.entry
        flags = header.flags
        sections = try Section.table(bytes, header)
        segments = try Segment.table(bytes, header)
        var tables: [Int: [Int]] = [:]
        for section in sections where section.type == .rela {
            tables[section.info, default: []].append(section.index)
        }
        relocationTables = tables
    }

    /// Reads from storage; see ``ByteStorage`` for mapping or reading a file.
    public init(_ storage: ByteStorage) throws(ELFError) { try self.init(ByteView(storage)) }

    /// The first section of that name.
    public func section(named name: String) -> Section? { sections.first { $0.name == name } }

    /// A section by its index in the file.
    public func section(_ index: Int) throws(ELFError) -> Section {
        guard sections.indices.contains(index) else {
            throw ELFError(.inconsistent, at: 0, "section index \(index) of \(sections.count)")
        }
        return sections[index]
    }

    /// The raw bytes of a section as they stand in the file; empty for `SHT_NOBITS`.
    public func rawContents(of section: Section) throws(ELFError) -> ByteView {
        if section.type == .nobits || section.type == .null { return try bytes.slice(0, 0, "empty section") }
        return try bytes.slice(section.offset, section.size, "contents of section \(section.name)")
    }

    /// The bytes of the file at a virtual address, through the loadable segments (not through sections, so
    /// that stripped section tables don't matter).
    /// - Throws: if the range isn't backed by the file.
    public func contents(atAddress address: UInt64, count: UInt64) throws(ELFError) -> ByteView {
        for segment in segments where segment.type == .load && address >= segment.address {
            let delta = address - segment.address
            guard delta < segment.fileSize, count <= segment.fileSize - delta else { continue }
            let (offset, overflow) = segment.offset.addingReportingOverflow(delta)
            guard !overflow else { continue }
            return try bytes.slice(offset, count, "bytes at address")
        }
        throw ELFError(
            .inconsistent, at: 0, "no segment holds \(count) bytes at address 0x\(String(address, radix: 16))")
    }
}

/// The file header's fields that lead to the tables.
struct FileHeader {
    let type: FileType
    let machine: Machine
    let entry: UInt64
    let flags: UInt32
    let segmentTable: (offset: UInt64, entrySize: Int, count: Int)
    let sectionTable: (offset: UInt64, entrySize: Int, count: Int)
    let namesIndex: Int

    /// Reads and checks `Elf64_Ehdr`; follows the extended numbering in section 0 (gABI, `e_shnum`), unless the
    /// section table isn't there because the header was found in memory.
    init(_ bytes: ByteView, followsExtended: Bool = true) throws(ELFError) {
        guard bytes.count >= 4, try bytes.load(0, as: UInt32.self) == 0x464c_457f else {
            throw ELFError(.notELF, at: 0, "magic number")
        }
        guard bytes.count >= 64 else { throw ELFError(.truncated, at: UInt64(bytes.count), "file header") }
        let (fileClass, encoding, version) = (
            try bytes.load(4, as: UInt8.self), try bytes.load(5, as: UInt8.self), try bytes.load(6, as: UInt8.self)
        )
        guard fileClass == 2, encoding == 1, version == 1 else {
            throw ELFError(.unsupported, at: 4, "class \(fileClass), data encoding \(encoding), version \(version)")
        }
        type = FileType(rawValue: try bytes.load(16))
        machine = Machine(rawValue: try bytes.load(18))
        entry = try bytes.load(24)
        flags = try bytes.load(48)
        let sectionOffset: UInt64 = try bytes.load(40)
        var segmentCount = Int(try bytes.load(56, as: UInt16.self))
        var sectionCount = Int(try bytes.load(60, as: UInt16.self))
        var names = Int(try bytes.load(62, as: UInt16.self))
        if followsExtended, sectionOffset != 0, sectionCount == 0 || names == 0xffff || segmentCount == 0xffff {
            let first = try bytes.slice(sectionOffset, 64, "section header 0")
            if sectionCount == 0 { sectionCount = Int(clamping: try first.load(32, as: UInt64.self)) }
            if names == 0xffff { names = Int(try first.load(40, as: UInt32.self)) }
            if segmentCount == 0xffff { segmentCount = Int(try first.load(44, as: UInt32.self)) }
        }
        segmentTable = (try bytes.load(32), Int(try bytes.load(54, as: UInt16.self)), segmentCount)
        sectionTable = (
            sectionOffset, Int(try bytes.load(58, as: UInt16.self)), sectionOffset == 0 ? 0 : sectionCount
        )
        namesIndex = names
    }
}

extension ByteView {
    /// A table of `count` entries of `entrySize` bytes each, at least `minimum` bytes.
    func table(_ at: (offset: UInt64, entrySize: Int, count: Int), minimum: Int, _ what: String) throws(ELFError)
        -> ByteView
    {
        guard at.count > 0 else { return try slice(0, 0, what) }
        guard at.entrySize >= minimum else {
            throw ELFError(.inconsistent, at: at.offset, "\(what): entry size \(at.entrySize)")
        }
        let (size, overflow) = at.count.multipliedReportingOverflow(by: at.entrySize)
        guard !overflow, at.count >= 0 else {
            throw ELFError(.inconsistent, at: at.offset, "\(what): count \(at.count)")
        }
        return try slice(at.offset, UInt64(size), what)
    }
}
