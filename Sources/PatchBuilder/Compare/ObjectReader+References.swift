import ELF

// Steps 3 and 4 of reading: from relocations to references between entities.

extension ObjectReader {
    mutating func readReferences() throws(ELFError) {
        var pending: [(section: Int, relocation: Relocation, place: Place)] = []
        for table in file.sections where table.type == .rela {
            guard modelled.indices.contains(table.info), let section = modelled[table.info] else { continue }
            let relocations = try file.relocations(in: table).sorted { $0.offset < $1.offset }
            pending.reserveCapacity(pending.count + relocations.count)
            var ends = InstructionEnds(model, section)
            for relocation in relocations {
                let place = try follow(relocation, section, &ends)
                pending.append((section, relocation, place))
            }
        }
        makeAnonymousEntities()
        for (section, relocation, place) in pending { append(relocation, place, to: section) }
        // Relocation tables of one section are almost always one; sorting again costs nothing then.
        for section in model.sections.indices {
            model.sections[section].references.sort { $0.offset < $1.offset }
        }
        try cutReferences()
    }

    /// Follows one relocation to the place that it means.
    private mutating func follow(
        _ relocation: Relocation, _ source: Int, _ ends: inout InstructionEnds
    ) throws(ELFError) -> Place {
        guard model.symbols.indices.contains(relocation.symbol) else {
            throw ELFError(.inconsistent, at: relocation.offset, "relocation against symbol \(relocation.symbol)")
        }
        let width = UInt64(ReferenceForm.width(relocation.type))
        guard relocation.offset <= UInt64(model.sections[source].size),
            width <= UInt64(model.sections[source].size) - relocation.offset
        else {
            throw ELFError(
                .inconsistent, at: relocation.offset, "relocation outside \(model.sections[source].name)")
        }
        let symbol = model.symbols[relocation.symbol]
        switch symbol.place {
        case .undefined where relocation.symbol == 0:
            return Place(target: .absolute(0), value: relocation.addend)
        case .undefined:
            return Place(target: .external(relocation.symbol), value: relocation.addend)
        case .absolute, .reserved:
            return Place(target: .absolute(symbol.value), value: relocation.addend)
        case .common:
            let target = model.entityOfSymbol[relocation.symbol].map { Reference.Target.entity($0) }
            return Place(target: target ?? .unmodelled, value: relocation.addend)
        case .section(let index):
            guard modelled.indices.contains(index), let section = modelled[index] else {
                return Place(target: .unmodelled, value: relocation.addend)
            }
            let value = Int64(bitPattern: symbol.value).addingReportingOverflow(relocation.addend).partialValue
            return locate(symbol, section, value, relocation, &ends)
        }
    }

    /// Which entity of `section` is meant by a value in it.
    private mutating func locate(
        _ symbol: Symbol, _ section: Int, _ value: Int64, _ relocation: Relocation, _ ends: inout InstructionEnds
    ) -> Place {
        if let entity = model.entityOfSymbol[symbol.index] {
            return Place(target: .entity(entity), value: value)
        }
        let owners = model.sections[section].entities
        let isWhole = owners.count == 1 && model.entities[owners[0]].range == 0..<model.sections[section].size
        if isWhole, let only = owners.first { return Place(target: .entity(only), value: value) }
        let bias = ReferenceForm.isRelative(relocation.type) ? ends.bias(relocation) : 0
        let offset = Int(clamping: value.addingReportingOverflow(bias).partialValue)
        if model.sections[section].isStrings || model.sections[section].isConstants {
            if let entity = mergeable(section, offset) { return Place(target: .entity(entity), value: value) }
        }
        if let entity = namedEntity(section, offset) { return Place(target: .entity(entity), value: value) }
        let clamped = min(max(offset, 0), max(model.sections[section].size - 1, 0))
        anonymous[section, default: []].insert(clamped)
        return Place(target: .unmodelled, location: (section, clamped), value: value)
    }

    /// The string or constant at an offset.
    private mutating func mergeable(_ section: Int, _ offset: Int) -> Int? {
        let found = model.sections[section]
        guard offset >= 0, offset < found.contents.count else { return nil }
        let start = found.isStrings ? offset : offset / found.entrySize * found.entrySize
        if let known = literals[section]?[start] { return known }
        let end: Int
        if found.isStrings {
            end = Self.stringEnd(found.contents, start, unit: max(found.entrySize, 1))
        } else {
            end = min(start + found.entrySize, found.contents.count)
        }
        let entity = addUnnamed(found.isStrings ? .literal : .anonymous, section: section, range: start..<end)
        literals[section, default: [:]][start] = entity
        return entity
    }

    /// End of a string, behind its terminator, in units of 1, 2 or 4 bytes.
    private static func stringEnd(_ bytes: [UInt8], _ start: Int, unit: Int) -> Int {
        var at = start
        while at + unit <= bytes.count {
            let isEnd = bytes[at..<at + unit].allSatisfy { $0 == 0 }
            at += unit
            if isEnd { return at }
        }
        return bytes.count
    }

    /// The named entity in which an offset lies, by bisection.
    private func namedEntity(_ section: Int, _ offset: Int) -> Int? {
        let entities = model.sections[section].entities
        var (low, high) = (0, entities.count)
        while low < high {
            let middle = (low + high) / 2
            if model.entities[entities[middle]].range.lowerBound <= offset {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low > 0, model.entities[entities[low - 1]].range.contains(offset) else { return nil }
        return entities[low - 1]
    }

    /// Turns the places that nothing named covers into entities, each up to the next boundary.
    private mutating func makeAnonymousEntities() {
        for section in model.sections.indices where !model.sections[section].isStrings {
            let isTable =
                [.initArray, .finiArray, .preinitArray].contains(model.sections[section].type)
                || [".ctors", ".dtors"].contains(model.sections[section].name)
                || model.sections[section].name.hasPrefix(".gcc_except_table")
            if isTable, model.sections[section].entities.isEmpty { anonymous[section, default: []].insert(0) }
            guard let starts = anonymous[section] else { continue }
            let named = model.sections[section].entities
            let boundaries = (starts.union(named.map { model.entities[$0].range.lowerBound })).sorted()
            for start in starts {
                let next = boundaries.first { $0 > start } ?? model.sections[section].size
                let entity = addUnnamed(.anonymous, section: section, range: start..<next)
                model.sections[section].entities.append(entity)
                literals[section, default: [:]][start] = entity
            }
            model.sections[section].entities.sort {
                model.entities[$0].range.lowerBound < model.entities[$1].range.lowerBound
            }
        }
    }

    private mutating func append(_ relocation: Relocation, _ place: Place, to section: Int) {
        var target = place.target
        var addend = place.value
        if let location = place.location, let entity = literals[location.section]?[location.offset] {
            target = .entity(entity)
        }
        if case .entity(let index) = target, model.symbols[relocation.symbol].place != .common {
            addend = addend.subtractingReportingOverflow(Int64(model.entities[index].range.lowerBound)).partialValue
        }
        let offset = Int(relocation.offset)
        let end = min(offset + ReferenceForm.width(relocation.type), model.sections[section].contents.count)
        for index in offset..<max(end, offset) { model.sections[section].contents[index] = 0 }
        model.sections[section].references.append(
            Reference(
                offset: offset, type: relocation.type, symbol: relocation.symbol, target: target, addend: addend))
    }

    /// Gives each entity its share of the references.
    private mutating func cutReferences() throws(ELFError) {
        for index in model.entities.indices {
            let entity = model.entities[index]
            let references = model.sections[entity.section].references
            model.entities[index].references =
                references.firstIndex(
                    from: entity.range.lowerBound)..<references.firstIndex(
                    from: entity.range.upperBound)
        }
    }
}

extension [Reference] {
    /// Position of the first reference at or behind an offset, by bisection.
    func firstIndex(from offset: Int) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// For the relocations of one code section, in order: where the instruction ends that holds the field.
///
/// Code is decoded only when asked for, and then once.
struct InstructionEnds {
    private let code: [UInt8]
    private let starts: [Int]
    private var at = 0

    init(_ model: ObjectModel, _ section: Int) {
        code = model.sections[section].isCode ? model.sections[section].contents : []
        starts = code.isEmpty ? [] : model.sections[section].entities.map { model.entities[$0].range.lowerBound }
    }

    /// How far behind the field's start the processor counts from; 0 in data.
    ///
    /// Where the code can't be decoded this is the width of the field, which holds unless an immediate
    /// follows.
    mutating func bias(_ relocation: Relocation) -> Int64 {
        guard !code.isEmpty else { return 0 }
        let field = Int(relocation.offset)
        if let start = starts.last(where: { $0 <= field }), start > at || at > field { at = start }
        while at <= field, let instruction = X86_64InstructionSet.decode(code, at: at) {
            if at + instruction.length > field { return Int64(at + instruction.length - field) }
            at += instruction.length
        }
        return Int64(ReferenceForm.width(relocation.type))
    }
}
