import ELF

// Function by function: the third degree of proof, for a shipped file whose addresses aren't those of the
// rebuilt one (another compiler release made one function longer, a function more or less, another linker).
//
// 1. The shipped file's functions are known from its unwind index and symbols, the rebuilt ones' from its
//    symbol table.
// 2. A function's *shape* is its code with everything masked that leads out of it. Shapes that occur once on
//    both sides are pairs. Of several equal ones (small wrappers), the pair keeps the order: it must lie
//    between the pairs of its neighbours.
// 3. What a pair leads to must correspond as well: a function to its pair, a PLT stub or GOT slot to that of
//    the same symbol, a string to an equal string, data to one place for all who use it. A function with
//    another callee or variable isn't the same function, however alike it looks.
//
//      rebuilt   f 1000  g 1040  h 1060           f calls g, g uses v at 4010
//      shipped   f 1000  x 1030  g 1070  h 1090   → g ↔ 1070, v ↔ whatever 1070 uses
//
// Data that no equal function uses is taken to lie where its neighbours on both sides say, if they agree.

/// The search.
struct ShippedLayoutSearch {
    private let shipped: ELFFile
    private let rebuilt: ELFFile
    private let old: [LinkMap.Entry]
    private var oldCode: [LinkedCode] = []
    private var new: [(address: UInt64, code: LinkedCode)] = []
    /// For each rebuilt function its shipped counterpart by position in ``new``.
    private var pairs: [Int?]
    private let oldNames: SymbolPlaces
    private let newNames: SymbolPlaces
    /// Exported data, which names itself: rebuilt address → shipped address.
    private let exported: [UInt64: UInt64]

    init(shipped: ELFFile, rebuilt: ELFFile, map: LinkMap) throws(ELFError) {
        self.shipped = shipped
        self.rebuilt = rebuilt
        old = map.functions()
        pairs = Array(repeating: nil, count: old.count)
        let (before, now) = (try TargetImports(rebuilt), try TargetImports(shipped))
        oldNames = SymbolPlaces(before)
        newNames = SymbolPlaces(now)
        var exported: [UInt64: UInt64] = [:]
        for (name, symbol) in before.dynamic where symbol.symbol.type == .object && !symbol.symbol.isUndefined {
            guard let other = now.dynamic[name]?.symbol, !other.isUndefined, other.type == .object else { continue }
            exported[symbol.symbol.value] = other.value
        }
        self.exported = exported
        oldCode = old.map {
            Self.code(rebuilt, $0.address, $0.size) ?? LinkedCode([], at: $0.address, absolute: nil)
        }
        var sizes: [UInt64: UInt64] = [:]
        for function in try FrameIndex(shipped).functions { sizes[function.address] = function.size }
        for function in try LinkMap(shipped).functions() { sizes[function.address] = function.size }
        for symbol in try shipped.dynamicSymbols()?.all() ?? []
        where symbol.symbol.type == .function && !symbol.symbol.isUndefined && symbol.symbol.size > 0 {
            sizes[symbol.symbol.value] = symbol.symbol.size
        }
        for (address, size) in sizes.sorted(by: { $0.key < $1.key }) {
            if let code = Self.code(shipped, address, size) { new.append((address, code)) }
        }
    }

    private static func code(_ file: ELFFile, _ address: UInt64, _ size: UInt64) -> LinkedCode? {
        guard size <= 1 << 24, let bytes = try? file.contents(atAddress: address, count: size).bytes else {
            return nil
        }
        return LinkedCode(bytes, at: address, absolute: file.type == .executable ? span(file) : nil)
    }

    private static func span(_ file: ELFFile) -> Range<UInt64>? {
        let loads = file.segments.filter { $0.type == .load }
        guard let first = loads.map(\.address).min(), let last = loads.map({ $0.address &+ $0.memorySize }).max(),
            first < last
        else { return nil }
        return first..<last
    }

    mutating func run() -> ShippedLayout {
        pairShapes()
        var layout = ShippedLayout(functionCount: old.count)
        layout.sections = rebuilt.sections.filter { $0.flags.contains(.alloc) && $0.size > 0 }
            .map { Range(from: $0.address, count: $0.size) }
        for (index, pair) in pairs.enumerated() {
            if let pair { layout.functions[old[index].address] = new[pair].address }
        }
        checkLinks(&layout)
        explainRest(&layout)
        layout.identical = layout.functions.count
        return layout
    }

    // MARK: Shapes

    private mutating func pairShapes() {
        var candidates: [UInt64: [Int]] = [:]
        for (index, function) in new.enumerated() { candidates[function.code.digest, default: []].append(index) }
        var wanted: [UInt64: Int] = [:]
        let digests = oldCode.map(\.digest)
        for digest in digests { wanted[digest, default: 0] += 1 }
        for (index, digest) in digests.enumerated() {
            if let found = candidates[digest], found.count == 1, wanted[digest] == 1 { pairs[index] = found[0] }
        }
        var last = -1
        let next = nextPairs()
        for (index, digest) in digests.enumerated() {
            if let pair = pairs[index] {
                last = max(last, pair)
                continue
            }
            // The first of equal shape behind the last pair and in front of the next one.
            guard let found = candidates[digest]?.first(where: { $0 > last && $0 < next[index] }) else { continue }
            pairs[index] = found
            last = found
        }
    }

    /// For each rebuilt function, the counterpart of the next one that has one.
    private func nextPairs() -> [Int] {
        var next = Array(repeating: new.count, count: old.count)
        var current = new.count
        for index in old.indices.reversed() {
            next[index] = current
            if let pair = pairs[index] { current = min(current, pair) }
        }
        return next
    }

    // MARK: Links

    private func checkLinks(_ layout: inout ShippedLayout) {
        var votes: [UInt64: [UInt64: Int]] = [:]
        for (index, pair) in pairs.enumerated() {
            guard let pair else { continue }
            for (one, other) in zip(oldCode[index].links, new[pair].code.links) where isData(one.target) {
                votes[one.target, default: [:]][other.target, default: 0] += 1
            }
        }
        // The place that most functions mean; on a tie the lower one, so that the result is the same each time.
        let chosen = votes.mapValues { found in
            found.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.first?.key ?? 0
        }
        for (index, pair) in pairs.enumerated() {
            guard let pair else { continue }
            for (one, other) in zip(oldCode[index].links, new[pair].code.links) {
                guard let reason = difference(one.target, other.target, layout, chosen) else { continue }
                layout.functions[old[index].address] = nil
                layout.mismatches[old[index].address] = mismatch(index, pair, one.at, reason)
                break
            }
        }
        let all = chosen.merging(exported) { _, byName in byName }
        layout.data = all.map { (rebuilt: $0.key, shipped: $0.value) }.sorted { $0.rebuilt < $1.rebuilt }
    }

    /// Whether an address isn't the start of a function, a stub or a slot.
    private func isData(_ address: UInt64) -> Bool {
        oldNames.names[address] == nil && function(at: address) == nil
    }

    /// The rebuilt function in which an address lies.
    private func function(at address: UInt64) -> Int? {
        var (low, high) = (0, old.count)
        while low < high {
            let middle = (low + high) / 2
            if old[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        return low > 0 && address < old[low - 1].address &+ old[low - 1].size ? low - 1 : nil
    }

    private func difference(
        _ one: UInt64, _ other: UInt64, _ layout: ShippedLayout, _ chosen: [UInt64: UInt64]
    ) -> String? {
        if let name = oldNames.names[one] {
            return newNames.names[other] == name ? nil : "leads to another symbol than \(name)"
        }
        if let index = function(at: one) {
            let name = old[index].name
            guard let pair = pairs[index] else { return "leads to \(name), which differs" }
            return other &- new[pair].address == one &- old[index].address
                ? nil : "leads to another function than \(name)"
        }
        guard chosen[one] == other else { return "uses another variable" }
        guard let text = string(rebuilt, one) else { return nil }
        return string(shipped, other) == text
            ? nil : "uses another string than \"\(String(decoding: text.prefix(40), as: UTF8.self))\""
    }

    /// A printable text in read-only memory.
    private func string(_ file: ELFFile, _ address: UInt64) -> [UInt8]? {
        guard
            let segment = file.segments.first(where: {
                $0.type == .load && !$0.flags.contains(.write) && address >= $0.address
                    && address - $0.address < $0.fileSize
            })
        else { return nil }
        let count = min(segment.fileSize - (address - segment.address), 4096)
        guard let bytes = try? file.contents(atAddress: address, count: count).bytes,
            let end = bytes.firstIndex(of: 0),
            end > 0, bytes[..<end].allSatisfy({ ($0 >= 0x20 && $0 < 0x7f) || ($0 >= 9 && $0 <= 13) })
        else { return nil }
        return Array(bytes[..<end])
    }

    // MARK: What isn't equal

    private func explainRest(_ layout: inout ShippedLayout) {
        var distance: UInt64 = 0
        for (index, function) in old.enumerated() {
            if let pair = pairs[index] {
                distance = new[pair].address &- function.address
                continue
            }
            let place = function.address &+ distance
            let candidate = Self.code(shipped, place, function.size)
            let offset = candidate.flatMap { oldCode[index].firstDifference(from: $0) } ?? 0
            layout.mismatches[function.address] = CodeMismatch(
                offset: offset, expected: Array(oldCode[index].masked.dropFirst(offset).prefix(8)),
                found: Array((candidate?.masked ?? []).dropFirst(offset).prefix(8)), reason: "another instruction")
        }
    }

    private func mismatch(_ index: Int, _ pair: Int, _ offset: Int, _ reason: String) -> CodeMismatch {
        CodeMismatch(
            offset: offset, expected: Array(oldCode[index].masked.dropFirst(offset).prefix(8)),
            found: Array(new[pair].code.masked.dropFirst(offset).prefix(8)), reason: reason)
    }
}

/// Names of the places that the loader or the linker made for symbols: PLT stubs, GOT slots.
struct SymbolPlaces {
    /// By link-time address; what it is stands in front: `stub read`, `slot stdout`.
    private(set) var names: [UInt64: String] = [:]

    init(_ imports: TargetImports) {
        for (name, address) in imports.stubs { names[address] = "stub " + name }
        for (name, address) in imports.slots { names[address] = "slot " + name }
    }
}
