/// A relocatable ELF64 little-endian object (`ET_REL`) under construction.
///
/// Sections, symbols and relocations are added in any order and name each other by the handles that adding
/// returns; ``encode()`` numbers them as the gABI demands (groups before their members, local symbols before
/// all others) and writes the file. Equal calls give equal bytes. The writer adds the relocation sections, the
/// symbol table, the string tables and, unless one was added, an empty `.note.GNU-stack`, which asks for a
/// stack that isn't executable.
///
///     var object = ObjectWriter(machine: .x86_64)
///     let text = object.addSection(
///         ".text", type: .progbits, flags: [.alloc, .execinstr], alignment: 16, contents: code)
///     let puts = object.addSymbol("puts", place: .undefined)
///     object.addRelocation(
///         in: text, offset: 5, type: X86_64Relocation.plt32.rawValue, symbol: puts, addend: -4)
///     let file = object.encode().bytes
public struct ObjectWriter: Sendable {
    /// Names a section of the writer that returned it, and of no other.
    public struct SectionID: Hashable, Sendable {
        let number: Int
    }

    /// Names a symbol of the writer that returned it, and of no other.
    public struct SymbolID: Hashable, Sendable {
        let number: Int
    }

    /// Where a symbol lives.
    public enum Place: Sendable, Hashable {
        /// Defined in another object.
        case undefined
        /// A value that no relocation moves.
        case absolute
        /// Uninitialised data that the linker will place; the symbol's value is its alignment.
        case common
        /// In that section; the symbol's value is an offset into it.
        case section(SectionID)
        /// A processor-specific or system-specific index (`SHN_LORESERVE` and up, but not `SHN_XINDEX`).
        case reserved(UInt16)
    }

    /// What `sh_info` of a section refers to.
    public enum Info: Sendable, Hashable {
        /// A plain number.
        case number(UInt32)
        /// The index of a section.
        case section(SectionID)
        /// The index of a symbol.
        case symbol(SymbolID)
    }

    struct SectionEntry: Sendable {
        var name: String
        var type: SectionType
        var flags: SectionFlags
        var alignment: UInt64
        var entrySize: UInt64
        var contents: [UInt8]
        /// `sh_size` for `SHT_NOBITS`, which has no contents.
        var space: UInt64
        var link: SectionID?
        var info = Info.number(0)
        var relocations: [RelocationEntry] = []
    }

    struct SymbolEntry: Sendable {
        var name: String
        var value: UInt64
        var size: UInt64
        var type: SymbolType
        var binding: SymbolBinding
        var visibility: SymbolVisibility
        var place: Place
    }

    struct RelocationEntry: Sendable {
        var offset: UInt64
        var type: UInt32
        var symbol: SymbolID
        var addend: Int64
    }

    /// Names a relocation table of the writer that returned it, and of no other.
    public struct TableID: Hashable, Sendable {
        let number: Int
    }

    struct TableEntry: Sendable {
        var name: String
        var target: SectionID
        var flags: SectionFlags
        var relocations: [RelocationEntry] = []
    }

    struct Group: Sendable {
        var signature: SymbolID
        var members: [SectionID]
        var isComdat: Bool
    }

    /// `e_machine`.
    public let machine: Machine
    /// `e_flags`: processor-specific, 0 on x86-64.
    public var flags: UInt32 = 0
    var sections: [SectionEntry] = []
    var symbols: [SymbolEntry] = []
    var groups: [Group] = []
    var tables: [TableEntry] = []
    private var sectionSymbols: [SectionID: SymbolID] = [:]

    /// Starts an empty object.
    public init(machine: Machine) { self.machine = machine }
}

extension ObjectWriter {
    /// Adds a section with bytes in the file.
    ///
    /// `alignment` is in bytes; 0 counts as 1, and a number that isn't a power of two is raised to the next one.
    public mutating func addSection(
        _ name: String, type: SectionType, flags: SectionFlags, alignment: UInt64, entrySize: UInt64 = 0,
        contents: [UInt8]
    ) -> SectionID {
        sections.append(
            SectionEntry(
                name: name.upToZero, type: type, flags: flags, alignment: alignment.raisedToPowerOfTwo,
                entrySize: entrySize, contents: contents, space: 0))
        return SectionID(number: sections.count - 1)
    }

    /// Adds a section of `size` zero bytes that take no room in the file (`SHT_NOBITS`).
    public mutating func addSpace(_ name: String, flags: SectionFlags, alignment: UInt64, size: UInt64) -> SectionID
    {
        sections.append(
            SectionEntry(
                name: name.upToZero, type: .nobits, flags: flags, alignment: alignment.raisedToPowerOfTwo,
                entrySize: 0, contents: [], space: size))
        return SectionID(number: sections.count - 1)
    }

    /// Replaces the bytes of a section; indices don't change by it.
    ///
    /// So a table that holds symbol or section indices can be added empty, and filled from a first ``encode()``.
    public mutating func replaceContents(of section: SectionID, with contents: [UInt8]) {
        sections[section.number].contents = contents
    }

    /// Sets `sh_link` of a section to another section.
    public mutating func setLink(of section: SectionID, to other: SectionID) {
        sections[section.number].link = other
    }

    /// Sets `sh_info` of a section.
    public mutating func setInfo(of section: SectionID, to info: Info) { sections[section.number].info = info }

    /// Adds a symbol; names are unique only if the caller makes them so.
    public mutating func addSymbol(
        _ name: String, value: UInt64 = 0, size: UInt64 = 0, type: SymbolType = .notype,
        binding: SymbolBinding = .global, visibility: SymbolVisibility = .default, place: Place
    ) -> SymbolID {
        symbols.append(
            SymbolEntry(
                name: name.upToZero, value: value, size: size, type: type, binding: binding,
                visibility: visibility, place: place))
        return SymbolID(number: symbols.count - 1)
    }

    /// The symbol that stands for the start of a section (`STT_SECTION`); made on the first call.
    ///
    /// In a section with ``SectionFlags/merge``, the linker takes the addend to say *which* entry is meant, so a
    /// reference whose addend also corrects for the instruction (`- 4`) needs a local symbol at the entry instead.
    public mutating func addSectionSymbol(_ section: SectionID) -> SymbolID {
        if let known = sectionSymbols[section] { return known }
        let symbol = addSymbol("", type: .section, binding: .local, place: .section(section))
        sectionSymbols[section] = symbol
        return symbol
    }

    /// Adds a relocation of the bytes at `offset` from the start of a section; the file keeps their order.
    public mutating func addRelocation(
        in section: SectionID, offset: UInt64, type: UInt32, symbol: SymbolID, addend: Int64
    ) {
        sections[section.number].relocations.append(
            RelocationEntry(offset: offset, type: type, symbol: symbol, addend: addend))
    }

    /// Adds a relocation that needs no symbol (index 0).
    public mutating func addRelocation(in section: SectionID, offset: UInt64, type: UInt32, addend: Int64) {
        addRelocation(in: section, offset: offset, type: type, symbol: SymbolID(number: -1), addend: addend)
    }

    /// Adds a relocation table of its own name beside a section's ordinary one, for a loader that applies it at
    /// another time; `flags` are added to `SHF_INFO_LINK`.
    public mutating func addRelocationTable(_ name: String, for section: SectionID, flags: SectionFlags) -> TableID
    {
        tables.append(TableEntry(name: name.upToZero, target: section, flags: flags))
        return TableID(number: tables.count - 1)
    }

    /// Adds a relocation to such a table; the offset counts from the start of the table's section.
    public mutating func addRelocation(
        in table: TableID, offset: UInt64, type: UInt32, symbol: SymbolID, addend: Int64
    ) {
        tables[table.number].relocations.append(
            RelocationEntry(offset: offset, type: type, symbol: symbol, addend: addend))
    }

    /// Groups sections that the linker keeps or drops together (`SHT_GROUP`).
    ///
    /// Of all `isComdat` groups with one signature, by the symbol's name, it keeps a single one.
    public mutating func addGroup(signature: SymbolID, members: [SectionID], isComdat: Bool = true) {
        for member in members { sections[member.number].flags.insert(.group) }
        groups.append(Group(signature: signature, members: members, isComdat: isComdat))
    }
}

extension String {
    /// The part that a zero-terminated table can hold.
    fileprivate var upToZero: String { utf8.contains(0) ? String(prefix { $0 != "\0" }) : self }
}

extension UInt64 {
    fileprivate var raisedToPowerOfTwo: UInt64 {
        if self <= 1 { return 1 }
        let shift = UInt64.bitWidth - (self - 1).leadingZeroBitCount
        return 1 << UInt64(Swift.min(shift, 63))
    }
}
