package import ELF

// Reading an object file into entities, in four steps:
//
// 1. loadable sections, their bytes;
// 2. symbols cut the sections into named entities;
// 3. each relocation is followed to a place (section, offset); places between named entities become the
//    starts of anonymous ones, places in string sections become literals;
// 4. places are turned into entities, and each entity gets its share of the section's references.

extension ObjectModel {
    /// Reads an object compiled with function and data sections (others work too, less finely).
    package init(_ file: ELFFile, name: String) throws(ELFError) {
        var reader = try ObjectReader(file, name: name)
        self = try reader.read()
    }
}

/// The state of the four steps.
struct ObjectReader {
    let file: ELFFile
    var model: ObjectModel
    /// For each section of the file, its index in the model.
    var modelled: [Int?]
    /// Start of a literal or constant → entity, for each mergeable section of the model.
    var literals: [Int: [Int: Int]] = [:]
    /// Starts of anonymous entities for each section of the model.
    var anonymous: [Int: Set<Int>] = [:]

    /// Where a relocation leads before anonymous entities are known.
    struct Place {
        var target: Reference.Target
        /// Section of the model and offset there, if it leads into the object.
        var location: (section: Int, offset: Int)?
        /// What the file's symbol plus addend amount to, from the start of the target section.
        var value: Int64
    }

    init(_ file: ELFFile, name: String) throws(ELFError) {
        guard file.type == .relocatable else { throw ELFError(.unsupported, at: 16, "\(name) is no object file") }
        self.file = file
        let symbols = try file.symbols()
        modelled = Array(repeating: nil, count: file.sections.count)
        model = ObjectModel(
            name: name, symbols: symbols, sections: [], entities: [],
            entityOfSymbol: Array(repeating: nil, count: symbols.count), file: file)
    }

    mutating func read() throws(ELFError) -> ObjectModel {
        try readSections()
        makeNamedEntities()
        makeCommonEntities()
        try readReferences()
        return model
    }

    private mutating func readSections() throws(ELFError) {
        for section in file.sections where Self.isModelled(section) {
            guard section.size <= 1 << 31 else {
                throw ELFError(.unsupported, at: section.offset, "section \(section.name): \(section.size) bytes")
            }
            modelled[section.index] = model.sections.count
            if section.name.hasPrefix(".gcc_except_table") { model.hasExceptionTables = true }
            model.sections.append(
                ObjectSection(
                    index: section.index, name: section.name, type: section.type, flags: section.flags,
                    alignment: max(section.alignment, 1), entrySize: Int(min(section.entrySize, 1 << 20)),
                    size: Int(section.size),
                    contents: section.type == .nobits ? [] : try file.rawContents(of: section).bytes))
        }
    }

    /// Loadable, but neither unwind table nor note: those are made anew or of no effect.
    private static func isModelled(_ section: Section) -> Bool {
        section.flags.contains(.alloc) && section.type != .note && section.type != .x86_64Unwind
            && section.name != ".eh_frame" && section.type != .group
    }

    private static func isEntity(_ symbol: Symbol) -> Bool {
        guard !symbol.name.isEmpty, !symbol.name.hasPrefix(".L") else { return false }
        return [.function, .object, .tls, .gnuIFunc, .notype].contains(symbol.type)
    }

    private mutating func makeNamedEntities() {
        var symbolsOf: [[Symbol]] = Array(repeating: [], count: model.sections.count)
        for symbol in model.symbols where Self.isEntity(symbol) {
            guard let index = symbol.sectionIndex, modelled.indices.contains(index), let section = modelled[index]
            else { continue }
            symbolsOf[section].append(symbol)
        }
        for (section, symbols) in symbolsOf.enumerated() where !symbols.isEmpty {
            cut(section, at: symbols)
        }
    }

    /// Cuts one section at its symbols; one that starts inside another's extent is an alias of that one.
    private mutating func cut(_ section: Int, at symbols: [Symbol]) {
        let size = model.sections[section].size
        // Sized symbols before labels, global ones before local ones: the first names the entity.
        let sorted = symbols.filter { $0.value <= UInt64(size) }.sorted {
            ($0.value, $1.size, $0.binding == .local ? 1 : 0, $0.index)
                < ($1.value, $0.size, $1.binding == .local ? 1 : 0, $1.index)
        }
        for (position, symbol) in sorted.enumerated() {
            let start = Int(symbol.value)
            if let last = model.sections[section].entities.last,
                model.entities[last].range.contains(start) || model.entities[last].range.lowerBound == start
            {
                model.entityOfSymbol[symbol.index] = last
                if start == model.entities[last].range.lowerBound {
                    model.entities[last].aliases.append(symbol.name)
                }
                continue
            }
            let next = sorted[position...].first { $0.value > symbol.value }.map { Int($0.value) } ?? size
            let end = symbol.size == 0 ? next : Int(min(symbol.value + min(symbol.size, 1 << 31), UInt64(size)))
            add(symbol, section: section, range: start..<end)
        }
    }

    private mutating func add(_ symbol: Symbol, section: Int, range: Range<Int>) {
        let isCode = model.sections[section].isCode
        let kind: Entity.Kind = symbol.type == .tls ? .threadLocal : isCode ? .function : .data
        let index = model.entities.count
        model.entities.append(
            Entity(
                index: index, name: symbol.name, kind: kind, binding: symbol.binding, visibility: symbol.visibility,
                type: symbol.type, section: section, range: range))
        model.sections[section].entities.append(index)
        model.entityOfSymbol[symbol.index] = index
    }

    /// Gives each `SHN_COMMON` variable a zero-filled section of its own.
    private mutating func makeCommonEntities() {
        for symbol in model.symbols where symbol.place == .common {
            let size = Int(min(symbol.size, 1 << 31))
            let section = model.sections.count
            model.sections.append(
                ObjectSection(
                    index: file.sections.count + section, name: ".bss." + symbol.name, type: .nobits,
                    flags: [.alloc, .write], alignment: max(symbol.value, 1), entrySize: 0, size: size,
                    contents: []))
            add(symbol, section: section, range: 0..<size)
        }
    }

    /// An entity without symbol.
    mutating func addUnnamed(_ kind: Entity.Kind, section: Int, range: Range<Int>) -> Int {
        let index = model.entities.count
        model.entities.append(Entity(index: index, name: "", kind: kind, section: section, range: range))
        return index
    }
}
