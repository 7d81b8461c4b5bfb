import Glibc

/// Memory of this process whose pages are all there from the start.
///
/// For what must not wait for a page while others are stopped. The kernel makes all pages in the one mmap(2), which
/// takes a fraction of what it costs to touch them one by one.
@safe
public struct PopulatedMemory: ~Copyable {
    /// All of it, zeroed, beginning at a page.
    public let bytes: UnsafeMutableRawBufferPointer

    /// Makes memory of a size.
    /// - Parameter count: bytes, more than none.
    /// - Throws: ENOMEM.
    public init(count: Int) throws(SystemError) {
        let address = unsafe mmap(
            nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)
        guard let address = unsafe address, unsafe address != UnsafeMutableRawPointer(bitPattern: -1) else {
            throw SystemError(call: "mmap", errno: Errno(rawValue: Glibc.errno), object: "")
        }
        unsafe bytes = UnsafeMutableRawBufferPointer(start: address, count: count)
    }

    deinit { _ = unsafe munmap(bytes.baseAddress, bytes.count) }
}
