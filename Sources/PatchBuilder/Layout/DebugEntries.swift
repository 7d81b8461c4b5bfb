import ELF

// DWARF, as far as types need it: `.debug_info` of one object, every entry as one small value in an array.
//
// The builder compiles both sides of a unit with DWARF 4 in one uncompressed section (``UnitCommand``), so only the
// forms of versions 4 and 5 without split or shared sections are read; anything else is an error, and a layout
// that can't be read counts as unknown, never as unchanged. DWARF 4 standard, section 7; version 5, section 7.5.

/// The entries of an object's debug information, in the order of the section.
struct DebugEntries {
    /// One entry (DIE).
    struct Entry {
        /// Offset in `.debug_info`; what references hold.
        var offset: Int
        /// `DW_TAG_*`.
        var tag: UInt64
        /// Index of the entry around it; -1 at the top.
        var parent: Int
        /// Where the name's text is.
        var name: TextPlace?
        /// `DW_AT_type`, as an offset.
        var type: Int?
        /// `DW_AT_byte_size`.
        var size: Int?
        /// `DW_AT_data_member_location`, in bytes; also the slot of a virtual function.
        var location: Int?
        /// `DW_AT_data_bit_offset` or what the older pair of attributes comes to.
        var bitOffset: Int?
        /// `DW_AT_bit_size`.
        var bitSize: Int?
        /// `DW_AT_count`, or `DW_AT_upper_bound` + 1.
        var count: Int?
        /// `DW_AT_encoding`.
        var encoding: Int?
        /// `DW_AT_const_value`.
        var constant: Int64?
        /// `DW_AT_abstract_origin` or `DW_AT_specification`, as an offset.
        var origin: Int?
        var isDeclaration = false
        var isExternal = false
        var isInline = false
        /// Has an address or a place in memory of its own (not on a stack).
        var hasStaticPlace = false
        var isVirtual = false
    }

    /// Where a text is.
    struct TextPlace {
        enum Section { case info, strings, lineStrings }
        var section: Section
        var offset: Int
    }

    private(set) var entries: [Entry] = []
    /// Offset → index.
    private var byOffset: [Int: Int] = [:]
    private var info: [UInt8] = []
    private var strings: [UInt8] = []
    private var lineStrings: [UInt8] = []

    /// Reads an object; empty if it has no debug information.
    init(_ file: ELFFile) throws(ELFError) {
        guard let section = file.section(named: ".debug_info") else { return }
        info = try Self.relocated(section, file)
        let abbreviations = try file.section(named: ".debug_abbrev").map { (found) throws(ELFError) in
            try Self.relocated(found, file)
        }
        strings =
            try file.section(named: ".debug_str").map { (found) throws(ELFError) in
                try Self.relocated(found, file)
            } ?? []
        lineStrings =
            try file.section(named: ".debug_line_str").map { (found) throws(ELFError) in
                try Self.relocated(found, file)
            } ?? []
        var reader = DebugUnitReader(info: info, abbreviations: abbreviations ?? [])
        entries = try reader.read()
        byOffset.reserveCapacity(entries.count)
        for index in entries.indices { byOffset[entries[index].offset] = index }
    }

    /// The entry at an offset.
    func index(at offset: Int) -> Int? { byOffset[offset] }

    /// The name of an entry, or of what it is an instance of.
    func name(_ index: Int) -> String? {
        if let place = entries[index].name { return text(place) }
        var at = entries[index].origin
        // An instance of a declaration of a member: three steps at most, bounded against circles.
        for _ in 0..<4 {
            guard let origin = at, let found = byOffset[origin] else { return nil }
            if let place = entries[found].name { return text(place) }
            at = entries[found].origin
        }
        return nil
    }

    private func text(_ place: TextPlace) -> String {
        let bytes =
            switch place.section {
            case .info: info
            case .strings: strings
            case .lineStrings: lineStrings
            }
        guard place.offset >= 0, place.offset < bytes.count else { return "" }
        let end = bytes[place.offset...].firstIndex(of: 0) ?? bytes.count
        return String(decoding: bytes[place.offset..<end], as: UTF8.self)
    }

    /// A section with its references filled in: in an object they are left to the linker.
    private static func relocated(_ section: Section, _ file: ELFFile) throws(ELFError) -> [UInt8] {
        guard !section.flags.contains(.compressed) else {
            throw ELFError(.unsupported, at: section.offset, "\(section.name) is compressed")
        }
        var bytes = try file.rawContents(of: section).bytes
        let symbols = try file.symbols()
        for relocation in try file.relocations(of: section) {
            let width = ReferenceForm.width(relocation.type)
            guard let start = Int(exactly: relocation.offset), start <= bytes.count - width, width > 0,
                symbols.indices.contains(relocation.symbol)
            else { continue }
            let value = symbols[relocation.symbol].value &+ UInt64(bitPattern: relocation.addend)
            for byte in 0..<width { bytes[start + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
        }
        return bytes
    }
}
