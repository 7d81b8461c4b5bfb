// The whole code of a running kernel against its image.
//
// The two oracles must tell the same: every symbol of the image is in the running kernel, moved by one and the same
// distance (address randomisation), and every byte of code is the image's, unless
//
//     a table of the image names the place as one that the kernel rewrites          SiteMap
//     it is part of a trampoline of static calls, which are rewritten as a whole    __SCT__*
//     it is the call of the tracers in ftrace's entry, which is set to whoever traces now
//     it is part of an address that moved along, or of a distance to what didn't    4 bytes that differ by the distance
//
// Anything else was changed by somebody else.

import ELF

/// What came of comparing.
public struct ImageComparison: Sendable, Equatable, Codable {
    /// Names this form of report.
    public var schema = "tsugite.kernel-comparison/1"
    /// How far the kernel was moved, in bytes.
    public var moved: UInt64 = 0
    /// Symbols of the image, variables per processor left out.
    public var symbols = 0
    /// Symbols of the image that the running kernel doesn't have at that place.
    public var missing: [String] = []
    /// Bytes of code that were compared.
    public var bytes = 0
    /// Bytes that differ, by what explains them.
    public var changed: [String: Int] = [:]
    /// Functions with bytes that nothing explains.
    public var unexplained: [String] = []

    /// Whether the running kernel's code is the image's.
    public var isSame: Bool { missing.isEmpty && unexplained.isEmpty }

    /// Compares.
    public init(_ image: KernelBinary, _ live: some KernelObject) throws(KernelImageError) {
        guard let start = image.symbols.address(of: "_stext"), let end = image.symbols.address(of: "_etext"),
            let there = live.symbols.address(of: "_stext"), start < end, end - start <= 1 << 28
        else { throw KernelImageError(.missing("_stext"), in: "the running kernel") }
        moved = there &- start
        compareSymbols(image.symbols, live.symbols, from: start)
        let sites = try SiteMap(of: image, types: try image.types())
        let before = try image.contents(at: start, count: end - start).bytes
        let now = try live.contents(at: there, count: end - start).bytes
        bytes = before.count
        compare(before, now, at: start, sites, image.symbols)
    }

    private mutating func compareSymbols(_ image: KernelSymbolTable, _ live: KernelSymbolTable, from start: UInt64)
    {
        var places: Set<UInt64> = []
        var names: [UInt64: Set<String>] = [:]
        for symbol in live.all where symbol.address >= start { places.insert(symbol.address) }
        for symbol in image.all where symbol.address >= start {
            symbols += 1
            let address = symbol.address &+ moved
            guard places.contains(address) else {
                missing.append(symbol.name)
                continue
            }
            if names[address] == nil { names[address] = Set(live.symbols(at: address).map(\.name)) }
            if names[address]?.contains(symbol.name) != true { missing.append(symbol.name) }
        }
    }

    private mutating func compare(
        _ before: [UInt8], _ now: [UInt8], at start: UInt64, _ sites: SiteMap, _ symbols: KernelSymbolTable
    ) {
        var at = 0
        while at < before.count {
            guard before[at] != now[at] else {
                at += 1
                continue
            }
            let address = start + UInt64(at)
            if let entry = sites.entries(in: address..<(address + 1)).first(where: {
                address >= $0.site.address && address - $0.site.address < UInt64($0.site.length)
            }) {
                changed[entry.table.rawValue, default: 0] += 1
                at += 1
            } else if let end = movedField(before, now, around: at) {
                changed["moved addresses", default: 0] += end - at
                at = end
            } else {
                let symbol = symbols.containing(address)?.symbol
                let function = symbol?.name ?? "0x" + String(address, radix: 16)
                if function.hasPrefix("__SCT__") {
                    changed["trampolines of static calls", default: 0] += 1
                } else if let symbol, Self.isTracerCall(symbol, address) {
                    changed["calls of tracers", default: 0] += 1
                } else if unexplained.last != function {
                    unexplained.append(function)
                }
                at += 1
            }
        }
    }

    /// Whether a place is in one of the two calls that lead from ftrace's entry to the tracers: five bytes each.
    private static func isTracerCall(_ symbol: KernelSymbol, _ address: UInt64) -> Bool {
        ["ftrace_call", "ftrace_regs_call"].contains(symbol.name) && address - symbol.address < 5
    }

    /// The end of a field of four bytes around a place that holds an address, or a distance, and moved along.
    private func movedField(_ before: [UInt8], _ now: [UInt8], around at: Int) -> Int? {
        guard moved != 0 else { return nil }
        let distance = UInt32(truncatingIfNeeded: moved)
        for start in stride(from: at, through: max(at - 3, 0), by: -1) where start + 4 <= before.count {
            let difference = Self.word(now, start) &- Self.word(before, start)
            if difference == distance || difference == 0 &- distance { return start + 4 }
        }
        return nil
    }

    private static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24
    }
}
