/// Sections that are put behind an ELF file as it is.
///
/// Nothing that the file holds moves or changes, so that relocations of kinds that this room doesn't know keep their
/// meaning: new sections and a longer section table go to the end, and the header leads there. The old table stays
/// as dead bytes.
public struct SectionAppendix: Sendable {
    private let file: ELFFile
    private var added: [(name: String, type: SectionType, flags: SectionFlags, alignment: Int, contents: [UInt8])] =
        []

    /// Starts with nothing to add.
    public init(_ file: ELFFile) { self.file = file }

    /// Adds a section.
    /// - Parameter alignment: in bytes, a power of two.
    public mutating func add(
        _ name: String, type: SectionType, flags: SectionFlags, alignment: Int, contents: [UInt8]
    ) {
        added.append((name, type, flags, max(alignment, 1), contents))
    }

    /// The whole file with the new sections.
    /// - Throws: if the file has no section names, or too many sections for its header.
    public func encode() throws(ELFError) -> [UInt8] {
        let header = try FileHeader(file.bytes)
        let total = header.sectionTable.count + added.count
        guard header.namesIndex != 0, header.sectionTable.entrySize == 64, total < 0xff00 else {
            throw ELFError(.unsupported, at: 58, "section table")
        }
        let old = try file.bytes.table(header.sectionTable, minimum: 64, "section table").bytes
        var (bytes, table) = (file.bytes.bytes, Array(old.prefix(64 * header.sectionTable.count)))
        let nameSection = try file.section(header.namesIndex)
        // A table of another type may have names that are read from nowhere; it can't be made longer.
        guard nameSection.type == .strtab else {
            throw ELFError(.unsupported, at: 62, "section names in a section of another type")
        }
        var names = try file.rawContents(of: nameSection).bytes
        if names.last != 0 { names.append(0) }
        for section in added {
            let at = Self.append(section.contents, to: &bytes, alignment: section.alignment)
            table += Self.entry(section, name: names.count, at: at)
            names += Array(section.name.utf8) + [0]
        }
        let namesAt = Self.append(names, to: &bytes, alignment: 1)
        Self.store(UInt64(namesAt), in: &table, at: 64 * header.namesIndex + 24)
        Self.store(UInt64(names.count), in: &table, at: 64 * header.namesIndex + 32)
        let tableAt = Self.append(table, to: &bytes, alignment: 8)
        Self.store(UInt64(tableAt), in: &bytes, at: 40)
        bytes[60] = UInt8(total & 0xff)
        bytes[61] = UInt8(total >> 8)
        return bytes
    }

    private static func append(_ more: [UInt8], to bytes: inout [UInt8], alignment: Int) -> Int {
        let start = (bytes.count + alignment - 1) / alignment * alignment
        bytes += [UInt8](repeating: 0, count: start - bytes.count) + more
        return start
    }

    private static func entry(
        _ section: (name: String, type: SectionType, flags: SectionFlags, alignment: Int, contents: [UInt8]),
        name: Int, at offset: Int
    ) -> [UInt8] {
        var entry = [UInt8](repeating: 0, count: 64)
        store(UInt64(name) | UInt64(section.type.rawValue) << 32, in: &entry, at: 0)
        store(section.flags.rawValue, in: &entry, at: 8)
        store(UInt64(offset), in: &entry, at: 24)
        store(UInt64(section.contents.count), in: &entry, at: 32)
        store(UInt64(section.alignment), in: &entry, at: 48)
        return entry
    }

    /// The places are inside of what was checked or made here.
    private static func store(_ value: UInt64, in bytes: inout [UInt8], at offset: Int) {
        for index in 0..<8 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
}
