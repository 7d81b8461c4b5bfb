public import Findings
public import KernelImage
public import LivePatch

// Once more before anything is touched: is the running kernel's code what the patch was made for?
//
// The build machine has proven that its objects make the shipped image. Here the bytes in memory are compared with
// those of the image, function by function; what the kernel itself may rewrite (alternatives, tracing, static
// calls, ...) and what depends on where it was put is marked in the patch. Any other difference means that someone
// has changed the code, and nothing is applied.

/// Compares running code with what a patch lists.
public struct LiveProof: Sendable {
    private let symbols: LiveSymbols
    private let read: @Sendable (UInt64, Int) throws(KernelImageError) -> [UInt8]

    /// Takes the running kernel's symbols and a way to read its memory.
    public init(
        symbols: LiveSymbols, read: @escaping @Sendable (UInt64, Int) throws(KernelImageError) -> [UInt8]
    ) {
        self.symbols = symbols
        self.read = read
    }

    /// Where a patch's functions are now, and what isn't as it should be.
    public struct Result: Sendable {
        /// Functions and their ranges; those of modules that aren't loaded are left out.
        public var ranges: [(range: Range<UInt64>, name: String)] = []
        /// Reasons against applying.
        public var findings: [Finding] = []
        /// Modules that aren't loaded; they are patched when they come.
        public var absent: [String] = []
    }

    /// Checks every function of a patch.
    public func check(_ patch: KernelPatch) throws(KernelImageError) -> Result {
        var result = Result()
        for target in patch.targets {
            let found = target.name == "vmlinux" ? symbols.kernel : symbols.modules[target.name]
            guard let table = found else {
                result.absent.append(target.name)
                continue
            }
            for function in target.functions { try check(function, target.name, table, &result) }
        }
        return result
    }

    private func check(
        _ function: ReplacedKernelCode, _ object: String, _ table: KernelSymbolTable, _ result: inout Result
    ) throws(KernelImageError) {
        let named = table.named(function.name)
        let position = max(function.position, 1) - 1
        guard named.indices.contains(position), function.position > 0 || named.count == 1 else {
            result.findings.append(
                Finding(
                    .kernelMismatch, "the running kernel has no such function as \(function.name) of \(object)",
                    evidence: [
                        "function": function.name, "object": object, "wanted": "\(function.position)",
                        "found": "\(named.count)",
                    ]))
            return
        }
        let address = named[position].address
        let bytes = try read(address, function.original.count)
        result.ranges.append((address..<(address &+ UInt64(function.original.count)), function.name))
        guard let offset = function.firstDifference(bytes) else { return }
        result.findings.append(
            Finding(
                .kernelMismatch, "\(function.name) isn't in memory as it was shipped",
                evidence: [
                    "function": function.name, "object": object, "offset": "0x" + String(offset, radix: 16),
                    "shipped": Self.bytes(function.original, offset), "running": Self.bytes(bytes, offset),
                ],
                remedy: "Find out who changed it (a probe, a rootkit, another patcher) before anything is applied.")
        )
    }

    private static func bytes(_ bytes: [UInt8], _ offset: Int) -> String {
        bytes[min(offset, bytes.count)..<min(offset + 8, bytes.count)]
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
