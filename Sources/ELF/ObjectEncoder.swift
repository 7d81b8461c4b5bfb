// How a relocatable object is laid out.
//
//     file header │ contents of sections, each aligned │ section table
//
//     section table:  0 │ groups │ sections as added │ .note.GNU-stack │ .rela* │ further tables │ .symtab │
//                     [.symtab_shndx] │ .strtab │ .shstrtab
//     symbol table:   0 │ local symbols as added │ all other symbols as added
//
// Groups come first because a group's header has to precede its members' (gABI, "Section Groups"); `sh_info`
// of the symbol table is the index of the first symbol that isn't local. From 0xff00 sections on, indices
// that don't fit into 16 bits move elsewhere: `e_shnum` and `e_shstrndx` to the null section's header, a
// symbol's `st_shndx` to `.symtab_shndx` (gABI, "ELF Header", "Symbol Table").

/// A finished object and where its parts ended up.
public struct EncodedObject: Sendable {
    /// The whole file.
    public let bytes: [UInt8]
    let numbers: ObjectNumbering

    /// The index of a symbol in `.symtab`.
    public func symbolIndex(_ symbol: ObjectWriter.SymbolID) -> Int { numbers.index(of: symbol) }

    /// The index of a section in the section table.
    public func sectionIndex(_ section: ObjectWriter.SectionID) -> Int { numbers.index(of: section) }
}

extension ObjectWriter {
    /// Writes the object; see the top of `ObjectEncoder.swift` for its layout.
    public func encode() -> EncodedObject {
        let numbers = ObjectNumbering(self)
        var encoder = ObjectEncoder(object: self, numbers: numbers)
        return EncodedObject(bytes: encoder.file(), numbers: numbers)
    }
}

/// The numbers that sections and symbols get.
struct ObjectNumbering: Sendable {
    let firstSection: Int
    /// For each symbol in order of adding, its index in `.symtab`.
    let symbolIndices: [Int]
    /// Positions of the symbols in the order of `.symtab`, the null symbol left out.
    let symbolOrder: [Int]
    /// Index of the first symbol that isn't local.
    let firstGlobal: Int
    /// Positions of the sections that have relocations.
    let relocated: [Int]
    let addsStackNote: Bool
    let needsExtendedIndices: Bool

    init(_ object: ObjectWriter) {
        firstSection = 1 + object.groups.count
        let locals = object.symbols.indices.filter { object.symbols[$0].binding == .local }
        symbolOrder = locals + object.symbols.indices.filter { object.symbols[$0].binding != .local }
        firstGlobal = locals.count + 1
        var indices = [Int](repeating: 0, count: object.symbols.count)
        for (index, position) in symbolOrder.enumerated() { indices[position] = index + 1 }
        symbolIndices = indices
        relocated = object.sections.indices.filter { !object.sections[$0].relocations.isEmpty }
        addsStackNote = !object.sections.contains { $0.name == ".note.GNU-stack" }
        let first = firstSection
        needsExtendedIndices = object.symbols.contains {
            if case .section(let id) = $0.place { first + id.number >= reservedIndices } else { false }
        }
        sectionCount = object.sections.count
        tableCount = object.tables.count
    }

    private let sectionCount: Int
    private let tableCount: Int
    var firstRelocation: Int { firstSection + sectionCount + (addsStackNote ? 1 : 0) }
    var symbolTable: Int { firstRelocation + relocated.count + tableCount }
    var stringTable: Int { symbolTable + (needsExtendedIndices ? 2 : 1) }
    var nameTable: Int { stringTable + 1 }

    func index(of section: ObjectWriter.SectionID) -> Int { firstSection + section.number }

    /// A number below zero stands for no symbol.
    func index(of symbol: ObjectWriter.SymbolID) -> Int {
        symbol.number < 0 ? 0 : symbolIndices[symbol.number]
    }
}

/// First of the section indices that mean something else in a 16-bit field (`SHN_LORESERVE`).
private let reservedIndices = 0xff00
private let extendedIndex: UInt16 = 0xffff

/// A section header in the making, with the bytes that it describes.
private struct OutputSection {
    var name: String
    var type: SectionType
    var flags: SectionFlags = []
    var link = 0
    var info = 0
    var alignment: UInt64 = 1
    var entrySize: UInt64 = 0
    var space: UInt64 = 0
    var contents: [UInt8] = []
}

private struct ObjectEncoder {
    let object: ObjectWriter
    let numbers: ObjectNumbering

    mutating func file() -> [UInt8] {
        var all = groups() + object.sections.map(section)
        if numbers.addsStackNote { all.append(OutputSection(name: ".note.GNU-stack", type: .progbits)) }
        all += numbers.relocated.map(relocations) + object.tables.map(table)
        let names = StringTable(object.symbols.map(\.name))
        all.append(symbolTable(names.offsets))
        if numbers.needsExtendedIndices { all.append(extendedIndices()) }
        all.append(OutputSection(name: ".strtab", type: .strtab, contents: names.bytes))
        let sectionNames = StringTable(all.map(\.name) + [".shstrtab"])
        all.append(OutputSection(name: ".shstrtab", type: .strtab, contents: sectionNames.bytes))
        return layOut(all, sectionNames.offsets)
    }

    private func section(_ entry: ObjectWriter.SectionEntry) -> OutputSection {
        let info =
            switch entry.info {
            case .number(let number): Int(number)
            case .section(let id): numbers.index(of: id)
            case .symbol(let id): numbers.index(of: id)
            }
        return OutputSection(
            name: entry.name, type: entry.type, flags: entry.flags, link: entry.link.map(numbers.index) ?? 0,
            info: info, alignment: entry.alignment, entrySize: entry.entrySize, space: entry.space,
            contents: entry.contents)
    }

    /// A group's contents are its flags and its members' indices, relocation sections included.
    private func groups() -> [OutputSection] {
        object.groups.map { group in
            var bytes: [UInt8] = []
            bytes.appendLittleEndian(UInt32(group.isComdat ? 1 : 0))
            for member in group.members {
                bytes.appendLittleEndian(UInt32(truncatingIfNeeded: numbers.index(of: member)))
                if let order = numbers.relocated.firstIndex(of: member.number) {
                    bytes.appendLittleEndian(UInt32(truncatingIfNeeded: numbers.firstRelocation + order))
                }
            }
            return OutputSection(
                name: ".group", type: .group, link: numbers.symbolTable, info: numbers.index(of: group.signature),
                alignment: 4, entrySize: 4, contents: bytes)
        }
    }

    private func relocations(_ position: Int) -> OutputSection {
        let target = object.sections[position]
        return OutputSection(
            name: ".rela" + target.name, type: .rela,
            flags: target.flags.contains(.group) ? [.infoLink, .group] : .infoLink, link: numbers.symbolTable,
            info: numbers.firstSection + position, alignment: 8, entrySize: 24, contents: bytes(target.relocations))
    }

    private func table(_ table: ObjectWriter.TableEntry) -> OutputSection {
        OutputSection(
            name: table.name, type: .rela, flags: table.flags.union(.infoLink), link: numbers.symbolTable,
            info: numbers.index(of: table.target), alignment: 8, entrySize: 24, contents: bytes(table.relocations))
    }

    private func bytes(_ relocations: [ObjectWriter.RelocationEntry]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(relocations.count * 24)
        for entry in relocations {
            bytes.appendLittleEndian(entry.offset)
            bytes.appendLittleEndian(UInt64(numbers.index(of: entry.symbol)) << 32 | UInt64(entry.type))
            bytes.appendLittleEndian(entry.addend)
        }
        return bytes
    }

    private func symbolTable(_ names: [UInt32]) -> OutputSection {
        var bytes = [UInt8](repeating: 0, count: 24)
        bytes.reserveCapacity((numbers.symbolOrder.count + 1) * 24)
        for position in numbers.symbolOrder {
            let symbol = object.symbols[position]
            bytes.appendLittleEndian(names[position])
            bytes.append(symbol.binding.rawValue << 4 | symbol.type.rawValue & 0xf)
            bytes.append(symbol.visibility.rawValue & 3)
            bytes.appendLittleEndian(shortIndex(symbol.place))
            bytes.appendLittleEndian(symbol.value)
            bytes.appendLittleEndian(symbol.size)
        }
        return OutputSection(
            name: ".symtab", type: .symtab, link: numbers.stringTable, info: numbers.firstGlobal, alignment: 8,
            entrySize: 24, contents: bytes)
    }

    private func shortIndex(_ place: ObjectWriter.Place) -> UInt16 {
        switch place {
        case .undefined: 0
        case .absolute: 0xfff1
        case .common: 0xfff2
        case .reserved(let index): index
        case .section(let id):
            numbers.index(of: id) < reservedIndices ? UInt16(numbers.index(of: id)) : extendedIndex
        }
    }

    /// One 32-bit section index for each symbol, 0 for those that fit into the symbol itself.
    private func extendedIndices() -> OutputSection {
        var bytes = [UInt8](repeating: 0, count: 4)
        for position in numbers.symbolOrder {
            var index = 0
            if case .section(let id) = object.symbols[position].place, numbers.index(of: id) >= reservedIndices {
                index = numbers.index(of: id)
            }
            bytes.appendLittleEndian(UInt32(truncatingIfNeeded: index))
        }
        return OutputSection(
            name: ".symtab_shndx", type: .symtabShndx, link: numbers.symbolTable, alignment: 4, entrySize: 4,
            contents: bytes)
    }

    private func layOut(_ sections: [OutputSection], _ names: [UInt32]) -> [UInt8] {
        let count = sections.count + 1
        var contents: [UInt8] = []
        var table = nullSection(count: count)
        for (section, name) in zip(sections, names) {
            // Nothing maps an object file by pages, so a larger alignment would only pad the file.
            contents.pad(toMultipleOf: Int(min(section.alignment, 64)), after: headerSize)
            table.appendLittleEndian(name)
            table.appendLittleEndian(section.type.rawValue)
            table.appendLittleEndian(section.flags.rawValue)
            table.appendLittleEndian(UInt64(0))
            table.appendLittleEndian(UInt64(headerSize + contents.count))
            table.appendLittleEndian(section.type == .nobits ? section.space : UInt64(section.contents.count))
            table.appendLittleEndian(UInt32(truncatingIfNeeded: section.link))
            table.appendLittleEndian(UInt32(truncatingIfNeeded: section.info))
            table.appendLittleEndian(section.alignment)
            table.appendLittleEndian(section.entrySize)
            if section.type != .nobits { contents += section.contents }
        }
        contents.pad(toMultipleOf: 8, after: headerSize)
        return header(tableOffset: UInt64(headerSize + contents.count), count: count) + contents + table
    }

    /// The null section's header, which holds the numbers that are too large for the file header.
    private func nullSection(count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32)
        bytes.appendLittleEndian(UInt64(count >= reservedIndices ? count : 0))
        let names = numbers.nameTable >= reservedIndices ? numbers.nameTable : 0
        bytes.appendLittleEndian(UInt32(truncatingIfNeeded: names))
        return bytes + [UInt8](repeating: 0, count: 20)
    }

    private func header(tableOffset: UInt64, count: Int) -> [UInt8] {
        // IFUNC and unique symbols are extensions that only the GNU OS/ABI (3) gives a meaning.
        let isGNU = object.symbols.contains { $0.type == .gnuIFunc || $0.binding == .gnuUnique }
        var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, isGNU ? 3 : 0, 0, 0, 0, 0, 0, 0, 0, 0]
        bytes.appendLittleEndian(FileType.relocatable.rawValue)
        bytes.appendLittleEndian(object.machine.rawValue)
        bytes.appendLittleEndian(UInt32(1))
        bytes.appendLittleEndian(UInt64(0))
        bytes.appendLittleEndian(UInt64(0))
        bytes.appendLittleEndian(tableOffset)
        bytes.appendLittleEndian(object.flags)
        for field: UInt16 in [UInt16(headerSize), 0, 0, 64] { bytes.appendLittleEndian(field) }
        bytes.appendLittleEndian(count >= reservedIndices ? 0 : UInt16(count))
        bytes.appendLittleEndian(numbers.nameTable >= reservedIndices ? extendedIndex : UInt16(numbers.nameTable))
        return bytes
    }

    private var headerSize: Int { 64 }
}

extension [UInt8] {
    fileprivate mutating func appendLittleEndian<T: FixedWidthInteger>(_ value: T) {
        var rest = value
        for _ in 0..<MemoryLayout<T>.size {
            append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    /// Appends zero bytes until the next byte's offset, `before` included, is a multiple of `step`.
    fileprivate mutating func pad(toMultipleOf step: Int, after before: Int) {
        while (count + before) % step != 0 { append(0) }
    }
}
