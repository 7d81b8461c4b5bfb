public import ELF

/// The kernel proper or one of its modules, as it is in memory: symbols, and bytes by address.
public protocol KernelObject: Sendable {
    /// `vmlinux`, or the module's name.
    var name: String { get }
    /// Its symbols, in the order in which the kernel walks them.
    var symbols: KernelSymbolTable { get }
    /// A section by its name; `nil` if there is none.
    func section(_ name: String) throws(KernelImageError) -> KernelRange?
    /// The bytes at an address.
    /// - Throws: if the object has no bytes for all of the range.
    func contents(at address: UInt64, count: UInt64) throws(KernelImageError) -> ByteView
    /// The address that a symbol of another object has for this one; `nil` if it can't be known by its name.
    func importedAddress(of name: String) -> UInt64?
}

extension KernelObject {
    /// The bytes between two symbols, such as `__start___jump_table` and `__stop___jump_table`.
    public func range(from start: String, to stop: String) throws(KernelImageError) -> KernelRange? {
        guard let first = symbols.address(of: start), let end = symbols.address(of: stop), first <= end else {
            return nil
        }
        return KernelRange(address: first, bytes: try contents(at: first, count: end - first))
    }
}

/// Some bytes of a kernel and where they are.
public struct KernelRange: Sendable {
    /// Virtual address of the first byte.
    public let address: UInt64
    /// The bytes.
    public let bytes: ByteView

    /// The address at which a self-relative 32-bit field points; `at` is an offset into the range.
    func relative(_ at: Int) throws(ELFError) -> UInt64 {
        let distance: Int32 = try bytes.load(at)
        return address &+ UInt64(at) &+ UInt64(bitPattern: Int64(distance))
    }
}
