/// The symbol tables of the running kernel and its modules, from the text of `/proc/kallsyms`.
///
///     ffffffff81000000 T startup_64
///     ffffffffc0123450 t vlan_dev_open    [8021q]
///
/// The order of lines is the kernel's own, the one by which live patches count. A reader without the right
/// to see addresses gets zeros, which is an error here.
public struct LiveSymbols: Sendable {
    /// Symbols of the kernel proper.
    public let kernel: KernelSymbolTable
    /// Symbols of each loaded module.
    public let modules: [String: KernelSymbolTable]

    /// What is kept of the text; a whole kernel has a hundred thousand symbols.
    public struct Selection: Sendable {
        /// Names of symbols of the kernel proper; `nil` for all.
        public var names: Set<String>?
        /// Modules of which all symbols are kept; `nil` for all.
        public var modules: Set<String>?

        /// Everything.
        public static let all = Selection(names: nil, modules: nil)

        /// Makes a selection.
        public init(names: Set<String>?, modules: Set<String>?) {
            self.names = names
            self.modules = modules
        }
    }

    /// Parses the whole text.
    public init(parsing text: [UInt8]) throws(KernelImageError) {
        var reader = Reader(.all, expected: text.count / 40)
        try reader.read(text[...])
        self = try reader.finish()
    }

    fileprivate init(_ kernel: KernelSymbolTable, _ modules: [String: KernelSymbolTable]) {
        self.kernel = kernel
        self.modules = modules
    }
}

// MARK: - reading piece by piece

extension LiveSymbols {
    /// Takes the text piece by piece, so that it is never in memory as a whole.
    public struct Reader: Sendable {
        private let selection: Selection
        private let names: Set<[UInt8]>?
        private var kernel: KernelSymbolTable.Builder
        private var modules: [String: KernelSymbolTable.Builder] = [:]
        private var rest: [UInt8] = []
        private var hasAddress = false
        /// Kept symbols whose end isn't known before a higher address comes.
        private var open: [(name: [UInt8], address: UInt64, kind: UInt8)] = []

        /// Starts reading.
        public init(_ selection: Selection = .all, expected: Int = 0) {
            self.selection = selection
            names = selection.names.map { Set($0.map { Array($0.utf8) }) }
            kernel = KernelSymbolTable.Builder(expected: selection.names == nil ? expected : 0)
        }

        /// Reads the next piece, which may end within a line.
        public mutating func read(_ piece: ArraySlice<UInt8>) throws(KernelImageError) {
            var at = piece.startIndex
            while let end = piece[at...].firstIndex(of: 0x0a) {
                if rest.isEmpty {
                    try line(piece[at..<end])
                } else {
                    rest += piece[at..<end]
                    let whole = rest
                    rest.removeAll(keepingCapacity: true)
                    try line(whole[...])
                }
                at = end + 1
            }
            rest += piece[at...]
        }

        /// Ends the text.
        public mutating func finish() throws(KernelImageError) -> LiveSymbols {
            if !rest.isEmpty { try line(rest[...]) }
            close(before: nil)
            guard hasAddress else {
                throw KernelImageError(
                    .symbols("addresses are hidden (kernel.kptr_restrict)"), in: "/proc/kallsyms")
            }
            return LiveSymbols(kernel.table(), modules.mapValues { $0.table() })
        }

        private mutating func line(_ line: ArraySlice<UInt8>) throws(KernelImageError) {
            if line.isEmpty { return }
            guard let symbol = LiveSymbols.parse(line) else {
                let shown = String(decoding: line.prefix(80), as: UTF8.self)
                throw KernelImageError(.symbols("line \"\(shown)\""), in: "/proc/kallsyms")
            }
            if symbol.address >= 0xffff_0000_0000_0000 { hasAddress = true }
            if let module = symbol.module {
                close(before: nil)
                guard selection.modules?.contains(module) ?? true else { return }
                modules[module, default: .init()].add(
                    name: symbol.name, address: symbol.address, kind: symbol.kind)
            } else if let names {
                close(before: symbol.address)
                let name = Array(symbol.name)
                if names.contains(name) { open.append((name, symbol.address, symbol.kind)) }
            } else {
                kernel.add(name: symbol.name, address: symbol.address, kind: symbol.kind)
            }
        }

        /// Symbols that were left out would make others look longer, so extents are taken down on the way.
        private mutating func close(before address: UInt64?) {
            guard let first = open.first, address.map({ $0 > first.address }) ?? true else { return }
            for symbol in open {
                let size = address.map { $0 > symbol.address ? $0 - symbol.address : 0 } ?? 0
                kernel.add(name: symbol.name, address: symbol.address, kind: symbol.kind, size: size)
            }
            open.removeAll(keepingCapacity: true)
        }
    }

    private struct Line {
        let address: UInt64
        let kind: UInt8
        let name: ArraySlice<UInt8>
        let module: String?
    }

    private static func parse(_ line: ArraySlice<UInt8>) -> Line? {
        var at = line.startIndex
        var address: UInt64 = 0
        while at < line.endIndex, let digit = hexDigit(line[at]) {
            guard at - line.startIndex < 16 else { return nil }
            address = address << 4 | digit
            at += 1
        }
        guard at > line.startIndex, at + 3 < line.endIndex, line[at] == 0x20, line[at + 2] == 0x20 else {
            return nil
        }
        let kind = line[at + 1]
        let rest = line[(at + 3)...]
        let name = rest.prefix { $0 != 0x09 && $0 != 0x20 }
        guard !name.isEmpty else { return nil }
        let tail = rest[name.endIndex...]
        guard let open = tail.firstIndex(of: 0x5b) else {
            return Line(address: address, kind: kind, name: name, module: nil)
        }
        let module = String(decoding: tail[(open + 1)...].prefix { $0 != 0x5d }, as: UTF8.self)
        return Line(address: address, kind: kind, name: name, module: module)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case 0x30...0x39: UInt64(byte - 0x30)
        case 0x61...0x66: UInt64(byte - 0x57)
        default: nil
        }
    }
}
