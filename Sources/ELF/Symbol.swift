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
        let names = try rawContents(of: try self.section(section.link))
        let extended = try sections.first { $0.type == .symtabShndx && $0.link == section.index }
            .map { (found) throws(ELFError) in try rawContents(of: found) }
        let count = table.count / Int(entrySize)
        var symbols: [Symbol] = []
        symbols.reserveCapacity(count)
        for index in 0..<count {
            symbols.append(
                try Symbol(table, at: index * Int(entrySize), index: index, names: names, extended: extended))
        }
        return symbols
    }
}

extension Symbol {
    fileprivate init(_ table: ByteView, at: Int, index: Int, names: ByteView, extended: ByteView?) throws(ELFError)
    {
        let nameOffset = Int(try table.load(at, as: UInt32.self))
        let info: UInt8 = try table.load(at + 4)
        self.index = index
        name = nameOffset == 0 ? "" : try names.cString(nameOffset, "name of symbol \(index)")
        value = try table.load(at + 8)
        size = try table.load(at + 16)
        type = SymbolType(rawValue: info & 0xf)
        binding = SymbolBinding(rawValue: info >> 4)
        visibility = SymbolVisibility(rawValue: try table.load(at + 5, as: UInt8.self) & 3)
        place =
            switch try table.load(at + 6, as: UInt16.self) {
            case 0: .undefined
            case 0xfff1: .absolute
            case 0xfff2: .common
            case 0xffff: .section(Int(try extended?.load(index * 4, as: UInt32.self) ?? 0))
            case let number where number >= 0xff00: .reserved(number)
            case let number: .section(Int(number))
            }
    }
}
