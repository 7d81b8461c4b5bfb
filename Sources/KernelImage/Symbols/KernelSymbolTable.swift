/// One symbol of the kernel or of a module.
public struct KernelSymbol: Sendable, Equatable {
    /// Position in its table.
    public let index: Int
    /// The name as the kernel prints it.
    public let name: String
    /// Virtual address; for a live kernel where it is now, otherwise where it was linked.
    public let address: UInt64
    /// The letter of nm(1): upper case if global.
    public let kind: UInt8

    /// Whether it names code.
    public var isCode: Bool { kind | 0x20 == 0x74 || kind | 0x20 == 0x77 }
    /// Whether other objects may name it.
    public var isGlobal: Bool { kind & 0x20 == 0 }
}

/// The symbols of the kernel, or of one module, in the order in which the kernel itself walks them.
///
/// That order counts: a live patch names the nth symbol of a name (`sympos`), and the kernel counts along this
/// table, over symbols of every kind. For the kernel proper it is address order; for a module, the order of
/// its symbol table.
public struct KernelSymbolTable: Sendable {
    private let addresses: [UInt64]
    private let kinds: [UInt8]
    private let names: [UInt8]
    /// Where each name starts; one more for the end of the last.
    private let nameStarts: [UInt32]
    private let byName: [UInt32]
    private let byAddress: [UInt32]
    /// Sizes from a symbol table that has them; empty otherwise.
    private let sizes: [UInt64]

    /// The number of symbols.
    public var count: Int { addresses.count }

    /// Collects symbols in the kernel's order.
    public struct Builder: Sendable {
        private var addresses: [UInt64] = []
        private var kinds: [UInt8] = []
        private var names: [UInt8] = []
        private var nameStarts: [UInt32] = [0]
        private var sizes: [UInt64] = []

        /// Starts with room for some symbols.
        public init(expected: Int = 0) {
            let room = min(max(expected, 0), 1 << 22)
            addresses.reserveCapacity(room)
            kinds.reserveCapacity(room)
            nameStarts.reserveCapacity(room + 1)
            names.reserveCapacity(room * 20)
        }

        /// Adds the next symbol; `name` is bytes without a zero.
        public mutating func add(name: some Sequence<UInt8>, address: UInt64, kind: UInt8, size: UInt64? = nil) {
            names.append(contentsOf: name)
            nameStarts.append(UInt32(truncatingIfNeeded: names.count))
            addresses.append(address)
            kinds.append(kind)
            if let size { sizes.append(size) }
        }

        /// Finishes the table.
        public func table() -> KernelSymbolTable {
            KernelSymbolTable(addresses, kinds, names, nameStarts, sizes)
        }
    }

    private init(
        _ addresses: [UInt64], _ kinds: [UInt8], _ names: [UInt8], _ nameStarts: [UInt32], _ sizes: [UInt64]
    ) {
        self.addresses = addresses
        self.kinds = kinds
        self.names = names
        self.nameStarts = nameStarts
        self.sizes = sizes.count == addresses.count ? sizes : []
        let all = (0..<addresses.count).map { UInt32(truncatingIfNeeded: $0) }
        byName = SymbolOrder.sortedByName(all, names: names, starts: nameStarts)
        let isSorted = zip(addresses, addresses.dropFirst()).allSatisfy { $0 <= $1 }
        byAddress =
            isSorted ? all : all.sorted { (addresses[Int($0)], $0) < (addresses[Int($1)], $1) }
    }

    /// The symbol at a position below ``count``.
    public subscript(index: Int) -> KernelSymbol {
        KernelSymbol(index: index, name: name(index), address: addresses[index], kind: kinds[index])
    }

    /// All symbols, in order.
    public var all: some Sequence<KernelSymbol> { (0..<count).lazy.map { self[$0] } }

    /// The symbols of that name, in table order.
    public func named(_ name: String) -> [KernelSymbol] {
        let wanted = Array(name.utf8)
        let first = byName.firstPosition { SymbolOrder.precedes(nameBytes(Int($0)), wanted[...]) }
        return byName[first...].prefix { nameBytes(Int($0)).elementsEqual(wanted) }.map { self[Int($0)] }
    }

    /// The address of the only symbol of that name; `nil` if there is none, or more than one address.
    public func address(of name: String) -> UInt64? {
        let all = named(name)
        guard let first = all.first, all.allSatisfy({ $0.address == first.address }) else { return nil }
        return first.address
    }

    /// All symbols at exactly this address.
    public func symbols(at address: UInt64) -> [KernelSymbol] {
        byAddress[firstPosition(from: address)...].prefix { addresses[Int($0)] == address }
            .map { self[Int($0)] }
    }

    /// The last symbol at or below an address, preferring code, and how far the address lies inside.
    public func containing(_ address: UInt64) -> (symbol: KernelSymbol, offset: UInt64)? {
        let position = byAddress.firstPosition { addresses[Int($0)] <= address }
        guard position > 0 else { return nil }
        let base = addresses[Int(byAddress[position - 1])]
        let aliases = symbols(at: base)
        guard let best = aliases.first(where: \.isCode) ?? aliases.first else { return nil }
        return (best, address - base)
    }

    /// Bytes from a symbol to the next one at a higher address, padding included; `nil` for the last.
    public func extent(of symbol: KernelSymbol) -> UInt64? {
        guard symbol.index < count else { return nil }
        if !sizes.isEmpty, sizes[symbol.index] > 0 { return sizes[symbol.index] }
        let (above, overflow) = symbol.address.addingReportingOverflow(1)
        guard !overflow else { return nil }
        let next = firstPosition(from: above)
        return next < byAddress.count ? addresses[Int(byAddress[next])] - symbol.address : nil
    }

    /// Which of the symbols of its name a symbol is, as a live patch has to say it: 0 if the name is unique,
    /// otherwise counted from 1.
    public func position(of symbol: KernelSymbol) -> Int? {
        let all = named(symbol.name)
        guard let at = all.firstIndex(where: { $0.index == symbol.index }) else { return nil }
        return all.count == 1 ? 0 : at + 1
    }

    private func name(_ index: Int) -> String { String(decoding: nameBytes(index), as: UTF8.self) }

    private func nameBytes(_ index: Int) -> ArraySlice<UInt8> {
        names[Int(nameStarts[index])..<Int(nameStarts[index + 1])]
    }

    private func firstPosition(from address: UInt64) -> Int {
        byAddress.firstPosition { addresses[Int($0)] < address }
    }
}

/// The order by name, then by position.
private enum SymbolOrder {
    /// Sorts by the first 8 bytes as one number, which decides nearly always.
    static func sortedByName(_ all: [UInt32], names: [UInt8], starts: [UInt32]) -> [UInt32] {
        func bytes(_ index: UInt32) -> ArraySlice<UInt8> {
            names[Int(starts[Int(index)])..<Int(starts[Int(index) + 1])]
        }
        let keyed = all.map { (key: head(bytes($0)), index: $0) }
        return keyed.sorted { left, right in
            if left.key != right.key { return left.key < right.key }
            let (a, b) = (bytes(left.index), bytes(right.index))
            if precedes(a, b) { return true }
            return precedes(b, a) ? false : left.index < right.index
        }.map(\.index)
    }

    static func precedes(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Bool {
        left.lexicographicallyPrecedes(right)
    }

    private static func head(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 64
        for byte in bytes.prefix(8) {
            shift -= 8
            value |= UInt64(byte) << shift
        }
        return value
    }
}

extension Array {
    /// The first position whose element doesn't fulfil the condition, in an array that is ordered by it.
    fileprivate func firstPosition(where isBefore: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = low + (high - low) / 2
            if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
