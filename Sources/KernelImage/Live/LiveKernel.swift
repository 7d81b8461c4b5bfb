public import ELF

/// The running kernel as an oracle like its image: symbols from `/proc/kallsyms`, bytes from `/proc/kcore`, types from
/// `/sys/kernel/btf`.
///
/// Sections can't be told apart in memory, and tables that are only read at the start are gone; those come from the
/// image. Needs the rights of root, and no lockdown of confidentiality.
public struct LiveKernel: KernelObject {
    /// `vmlinux`.
    public var name: String { "vmlinux" }
    /// All symbols of the kernel proper, where they are now.
    public let symbols: KernelSymbolTable
    private let memory: KernelMemory

    /// Asks the running kernel.
    public init() throws(KernelImageError) {
        symbols = try RunningKernel.symbols(LiveSymbols.Selection(names: nil, modules: [])).kernel
        memory = try KernelMemory()
    }

    /// None.
    public func section(_ name: String) throws(KernelImageError) -> KernelRange? { nil }

    /// The bytes at an address, as they are now.
    public func contents(at address: UInt64, count: UInt64) throws(KernelImageError) -> ByteView {
        guard let count = Int(exactly: count), count <= 1 << 28 else {
            throw KernelImageError(.missing("memory at 0x\(String(address, radix: 16))"))
        }
        let bytes = try memory.contents(at: address, count: count)
        guard bytes.count == count else {
            throw KernelImageError(.missing("memory at 0x\(String(address, radix: 16))"))
        }
        return ByteView(bytes)
    }

    /// Nothing is outside of the kernel proper.
    public func importedAddress(of name: String) -> UInt64? { nil }

    /// The running kernel's types.
    public func types() throws(KernelImageError) -> BTF { try RunningKernel.types() }
}
