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

    /// Parses the whole text.
    public init(parsing text: [UInt8]) throws(KernelImageError) {
        var kernel = KernelSymbolTable.Builder(expected: text.count / 40)
        var modules: [String: KernelSymbolTable.Builder] = [:]
        var hasAddress = false
        for line in text.split(separator: 0x0a) {
            guard let symbol = Self.parse(line) else {
                let shown = String(decoding: line.prefix(80), as: UTF8.self)
                throw KernelImageError(.symbols("line \"\(shown)\""), in: "/proc/kallsyms")
            }
            if symbol.address >= 0xffff_0000_0000_0000 { hasAddress = true }
            if let module = symbol.module {
                modules[module, default: .init()].add(
                    name: symbol.name, address: symbol.address, kind: symbol.kind)
            } else {
                kernel.add(name: symbol.name, address: symbol.address, kind: symbol.kind)
            }
        }
        guard hasAddress else {
            throw KernelImageError(.symbols("addresses are hidden (kernel.kptr_restrict)"), in: "/proc/kallsyms")
        }
        self.kernel = kernel.table()
        self.modules = modules.mapValues { $0.table() }
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
