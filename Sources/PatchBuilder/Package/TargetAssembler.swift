import ELF
import Findings
import LivePatch

// From the closure to sections and symbols: what the linker in the process will load for one target.
//
// Each piece becomes a section, except strings and constants, which are laid one behind the other per
// section of origin. References are retold: an included entity by its own symbol (or its section's, where it
// has no name), anything else by an undefined symbol for each way of using it.

/// The loadable part of a patch for one target.
struct TargetImage {
    var object = PatchObject()
    var functions: [ReplacedFunction] = []
    var externals: [ExternalSymbol] = []
    var threadStorage: ThreadStorage?
    var dataWrites: [DataWrite] = []
    var hooks: [PatchHook] = []
    /// For people: what each undefined symbol is used for.
    var refusals: [BuildError] = []
}

/// Builds the image of one target.
struct TargetAssembler {
    let closure: PatchClosure
    let resolver: Resolver
    var image = TargetImage()
    /// Where each piece went: section of the image, offset there.
    private var places: [Piece: (section: Int, offset: Int)] = [:]
    private var definitions: [EntityKey: Int] = [:]
    private var sectionSymbols: [Int: Int] = [:]
    private var undefined: [ExternalKey: Int] = [:]

    /// One entity of one unit.
    struct EntityKey: Hashable {
        var unit: Int
        var entity: Int
    }

    /// One undefined symbol: what it is, and for what.
    private struct ExternalKey: Hashable {
        var destination: Destination
        var use: SymbolUse
    }

    init(_ closure: PatchClosure, _ resolver: Resolver) {
        self.closure = closure
        self.resolver = resolver
    }

    var units: [PatchUnit] { closure.units }

    mutating func run() {
        layOut()
        defineSymbols()
        for hook in closure.hooks {
            guard let symbol = symbol(unit: hook.unit, entity: hook.entity) else { continue }
            image.hooks.append(PatchHook(kind: hook.kind, name: hook.name, symbol: symbol))
        }
        for piece in closure.pieces { relocate(piece) }
        for section in image.object.sections.indices {
            image.object.sections[section].relocations.sort { $0.offset < $1.offset }
        }
    }

    // MARK: Layout

    private mutating func layOut() {
        var shared: [[Int]: Int] = [:]
        for piece in closure.pieces {
            let section = units[piece.unit].post.sections[piece.section]
            guard section.isStrings || section.isConstants else {
                places[piece] = (image.object.sections.count, 0)
                image.object.sections.append(Self.section(section, piece.range))
                continue
            }
            let key = [piece.unit, piece.section]
            let index = shared[key] ?? image.object.sections.count
            if shared[key] == nil {
                shared[key] = index
                image.object.sections.append(Self.section(section, 0..<0))
            }
            let alignment = Int(clamping: section.alignment)
            let offset = (image.object.sections[index].contents.count + alignment - 1) / alignment * alignment
            let filler = offset - image.object.sections[index].contents.count
            image.object.sections[index].contents +=
                Array(repeating: 0, count: filler) + section.contents[piece.range]
            image.object.sections[index].size = UInt64(image.object.sections[index].contents.count)
            places[piece] = (index, offset)
        }
    }

    /// A section of the image: loadable flags only, because merging and groups are over.
    private static func section(_ section: ObjectSection, _ range: Range<Int>) -> PatchObject.Section {
        PatchObject.Section(
            name: section.name, flags: section.flags.intersection([.write, .alloc, .execinstr]),
            alignment: section.alignment, contents: section.contents.isEmpty ? [] : Array(section.contents[range]),
            size: UInt64(range.count))
    }

    // MARK: Symbols

    private mutating func defineSymbols() {
        for piece in closure.pieces {
            guard let place = places[piece] else { continue }
            let model = units[piece.unit].post
            for entity in model.sections[piece.section].entities.map({ model.entities[$0] })
            where !entity.name.isEmpty && piece.range.contains(entity.range.lowerBound) {
                definitions[EntityKey(unit: piece.unit, entity: entity.index)] = image.object.symbols.count
                image.object.symbols.append(
                    PatchObject.Symbol(
                        name: entity.name, section: place.section,
                        value: UInt64(entity.range.lowerBound - piece.range.lowerBound + place.offset),
                        size: UInt64(entity.range.count),
                        type: entity.kind == .function ? .function : .object,
                        binding: entity.isGlobal ? .global : .local))
            }
        }
    }

    /// The symbol of an included function.
    func symbol(unit: Int, entity: Int) -> Int? { definitions[EntityKey(unit: unit, entity: entity)] }

    /// A symbol for the start of a section of the image.
    private mutating func sectionSymbol(_ section: Int) -> Int {
        if let known = sectionSymbols[section] { return known }
        let index = image.object.symbols.count
        image.object.symbols.append(
            PatchObject.Symbol(name: image.object.sections[section].name, section: section))
        sectionSymbols[section] = index
        return index
    }

    mutating func refuse(_ error: BuildError) {
        if !image.refusals.contains(error) { image.refusals.append(error) }
    }

    // MARK: References

    private mutating func relocate(_ piece: Piece) {
        guard let place = places[piece] else { return }
        let section = units[piece.unit].post.sections[piece.section]
        let from = section.references.firstIndex(from: piece.range.lowerBound)
        let to = section.references.firstIndex(from: piece.range.upperBound)
        for reference in section.references[from..<to] {
            // What can't be resolved has been refused by the closure already.
            guard case .success(let destination) = closure.destination(of: reference, unit: piece.unit) else {
                continue
            }
            let use = SymbolUse(reference, in: section)
            guard let (symbol, base) = symbol(for: destination, use) else {
                if case .included = destination {
                    refuse(
                        BuildError(
                            .objectUnsupported, "a reference in \(units[piece.unit].name) leads to nothing known",
                            evidence: ["section": section.name, "offset": hex(UInt64(reference.offset))]))
                }
                continue
            }
            var relocation = Relocation(
                offset: UInt64(reference.offset - piece.range.lowerBound + place.offset), type: reference.type,
                symbol: symbol, addend: reference.addend.addingReportingOverflow(base).partialValue)
            if isFar(symbol), use == .address { reachFar(&relocation, in: place.section, section.isCode) }
            image.object.sections[place.section].relocations.append(relocation)
        }
    }

    /// Whether a symbol may lie anywhere in the process: another component's, which the target didn't import.
    private func isFar(_ symbol: Int) -> Bool {
        guard let external = image.externals.first(where: { $0.symbol == symbol }) else { return false }
        switch external.source {
        case .lookup, .slot: return true
        case .target, .threadLocal: return false
        }
    }

    /// Has code take a far symbol's address from a slot, where the compiler has counted on the linker to bring the
    /// symbol near (a COPY relocation, which only a linker can make).
    ///
    /// `lea symbol(%rip), %reg` and `mov slot(%rip), %reg` are the same but for one byte.
    private mutating func reachFar(_ relocation: inout Relocation, in section: Int, _ isCode: Bool) {
        guard isCode, relocation.type == X86_64Relocation.pc32.rawValue else { return }
        let at = Int(clamping: relocation.offset)
        let code = image.object.sections[section].contents
        guard at >= 3, at <= code.count, relocation.addend == -4, code[at - 3] & 0xf8 == 0x48, code[at - 2] == 0x8d,
            code[at - 1] & 0xc7 == 0x05
        else {
            let name = image.object.symbols[relocation.symbol].name
            refuse(
                BuildError(
                    .symbolUnresolved, "the new code uses \(name) of another component directly",
                    evidence: ["symbol": name, "section": image.object.sections[section].name],
                    remedy: "Take its address in the fix, or compile the unit with -mno-direct-extern-access."))
            return
        }
        image.object.sections[section].contents[at - 2] = 0x8b
        relocation = Relocation(
            offset: relocation.offset, type: X86_64Relocation.gotpcrel.rawValue, symbol: relocation.symbol,
            addend: relocation.addend)
    }

    /// The image's symbol for a destination, and what to add to the addend.
    mutating func symbol(for destination: Destination, _ use: SymbolUse) -> (Int, Int64)? {
        if case .included(let unit, let entity) = destination {
            if let known = definitions[EntityKey(unit: unit, entity: entity)] { return (known, 0) }
            let piece = closure.piece(unit: unit, entity: entity)
            guard let place = places[piece] else { return nil }
            let start = units[unit].post.entities[entity].range.lowerBound - piece.range.lowerBound
            return (sectionSymbol(place.section), Int64(start + place.offset))
        }
        let key = ExternalKey(destination: destination, use: use)
        if let known = undefined[key] { return (known, 0) }
        guard let source = resolve(destination, use) else { return nil }
        let index = image.object.symbols.count
        image.object.symbols.append(symbol(destination, source, use))
        image.externals.append(ExternalSymbol(symbol: index, source: source))
        undefined[key] = index
        return (index, 0)
    }

    private func symbol(_ destination: Destination, _ source: ExternalSymbol.Source, _ use: SymbolUse)
        -> PatchObject.Symbol
    {
        var weak = false
        if case .lookup(_, _, let isWeak) = source { weak = isWeak }
        let type: SymbolType = use == .threadLocal ? .tls : .notype
        switch destination {
        case .own(let name, _, _), .named(let name, _):
            return PatchObject.Symbol(name: name, section: nil, type: type, binding: weak ? .weak : .global)
        case .included:
            return PatchObject.Symbol(name: "", section: nil)
        }
    }

    private mutating func resolve(_ destination: Destination, _ use: SymbolUse) -> ExternalSymbol.Source? {
        let result: Result<ExternalSymbol.Source, BuildError>
        switch destination {
        case .own(let name, let address, let kind):
            result = resolver.own(
                name, at: address, isGlobal: kind.isGlobal, type: SymbolType(rawValue: kind.type), use: use)
        case .named(let name, let isWeak):
            result = resolver.named(name, isWeak: isWeak, use: use)
        case .included: return nil
        }
        switch result {
        case .success(let source): return source
        case .failure(let error):
            if !image.refusals.contains(error) { image.refusals.append(error) }
            return nil
        }
    }
}
