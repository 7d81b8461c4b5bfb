/// One entry of a symbol table, `Elf64_Sym`.
public struct Symbol: Sendable, Equatable {
    /// Where a symbol lives (`st_shndx`, `SHN_XINDEX` already followed).
    public enum Place: Sendable, Equatable {
        /// Defined elsewhere.
        case undefined
        /// A value that no relocation moves.
        case absolute
        /// Uninitialised data that the linker will place; `value` is its alignment.
        case common
        /// In the section of that index.
        case section(Int)
        /// A processor-specific or reserved index.
        case reserved(UInt16)
    }

    /// Position in its table.
    public let index: Int
    /// The name; empty for section symbols.
    public let name: String
    /// `st_value`: offset into the section in relocatable objects, else a virtual address.
    public let value: UInt64
    /// `st_size`, in bytes; 0 if unknown.
    public let size: UInt64
    /// What it names.
    public let type: SymbolType
    /// Who sees it.
    public let binding: SymbolBinding
    /// Whether it leaves its component.
    public let visibility: SymbolVisibility
    /// Where it lives.
    public let place: Place

    /// The index of the section that holds the symbol, if one does.
    public var sectionIndex: Int? {
        if case .section(let index) = place { index } else { nil }
    }

    /// Whether another component has to define it.
    public var isUndefined: Bool { place == .undefined }
}

extension ELFFile {
    /// The symbols of the table of that type (`.symtab` or `.dynsym`); empty if there is none.
    public func symbols(_ type: SectionType = .symtab) throws(ELFError) -> [Symbol] {
        guard let section = sections.first(where: { $0.type == type }) else { return [] }
        return try symbols(in: section)
    }

    /// The symbols of one symbol table section.
    public func symbols(in section: Section) throws(ELFError) -> [Symbol] {
        let entrySize = max(section.entrySize, 24)
        guard entrySize < 4096 else {
            throw ELFError(.inconsistent, at: section.offset, "symbol size \(entrySize)")
        }
        let table = try rawContents(of: section)
        let extended = try sections.first { $0.type == .symtabShndx && $0.link == section.index }
            .map { (found) throws(ELFError) in try rawContents(of: found) }
        let count = table.count / Int(entrySize)
        var names = NameTable(try rawContents(of: try self.section(section.link)), entries: count)
        var symbols: [Symbol] = []
        symbols.reserveCapacity(count)
        for index in 0..<count {
            let at = index * Int(entrySize)
            let name = try names.name(at: try table.load(at), "symbol", index)
            symbols.append(try Symbol(table, at: at, index: index, name: name, extended: extended))
        }
        return symbols
    }
}

extension Symbol {
    /// Reads `Elf64_Sym` without its name; `extended` holds the section indices that don't fit into it.
    init(_ table: ByteView, at: Int, index: Int, name: String, extended: ByteView?) throws(ELFError) {
        let info: UInt8 = try table.load(at + 4)
        self.index = index
        self.name = name
        value = try table.load(at + 8)
        size = try table.load(at + 16)
        type = SymbolType(rawValue: info & 0xf)
        binding = SymbolBinding(rawValue: info >> 4)
        visibility = SymbolVisibility(rawValue: try table.load(at + 5, as: UInt8.self) & 3)
        switch try table.load(at + 6, as: UInt16.self) {
        case 0: place = .undefined
        case 0xfff1: place = .absolute
        case 0xfff2: place = .common
        case 0xffff:
            guard let extended else {
                throw ELFError(.inconsistent, at: UInt64(table.start + at), "extended section of symbol \(index)")
            }
            place = .section(Int(try extended.load(index * 4, as: UInt32.self)))
        case let number where number >= 0xff00: place = .reserved(number)
        case let number: place = .section(Int(number))
        }
    }
}
