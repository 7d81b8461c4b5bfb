import CLinux
import Glibc

/// Immutable bytes with one owner: a file mapped or read into memory, or a copy of an array.
///
/// Everything that parses outside data reads through ``ByteStorage``: all loads are bounds-checked, unaligned
/// and little-endian, so a hostile file can produce `nil` but never a trap. A *mapped* file that another
/// process truncates meanwhile would fault, so files that others may write should be read, not mapped.
@safe
public final class ByteStorage: @unchecked Sendable {
    /// The number of bytes.
    public let count: Int
    private let base: UnsafeRawPointer
    private let isMapped: Bool

    /// Copies the bytes of an array.
    public init(_ bytes: [UInt8]) {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 16)
        // The allocation is at least as large as the array.
        unsafe copy.copyBytes(from: bytes)
        unsafe base = unsafe UnsafeRawPointer(copy.baseAddress.unsafelyUnwrapped)
        count = bytes.count
        isMapped = false
    }

    /// Takes over memory from `mmap` or from an allocation of at least one byte.
    init(adopting base: UnsafeRawPointer, count: Int, isMapped: Bool) {
        unsafe self.base = base
        self.count = count
        self.isMapped = isMapped
    }

    deinit {
        if isMapped {
            // The mapping was made with exactly this length.
            _ = unsafe munmap(UnsafeMutableRawPointer(mutating: base), count)
        } else {
            unsafe base.deallocate()
        }
    }

    /// Loads one little-endian integer; `nil` if any of its bytes is out of bounds.
    @inlinable
    public func load<T: FixedWidthInteger>(at offset: Int, as type: T.Type = T.self) -> T? {
        guard offset >= 0, offset <= count - MemoryLayout<T>.size else { return nil }
        // Bounds were checked in the line above; integers may be loaded unaligned from any bytes.
        return unsafe T(littleEndian: pointer.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// Calls `body` with the bytes of `range`, clamped to the storage.
    @inlinable
    public func withBytes<R>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        let clamped = range.clamped(to: 0..<count)
        // The clamped range lies inside the storage, which lives as long as `self`.
        return unsafe body(UnsafeRawBufferPointer(start: pointer + clamped.lowerBound, count: clamped.count))
    }

    @usableFromInline var pointer: UnsafeRawPointer { unsafe base }
}

extension ByteStorage {
    /// Maps a file read-only.
    /// - Throws: ``FileError`` naming the path and the reason.
    public convenience init(mapping path: String) throws(FileError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(path: path, call: "open", errno: errno) }
        defer { close(descriptor) }
        try self.init(mapping: descriptor, path: path)
    }

    /// Maps the whole file behind an open descriptor read-only; `path` only names it in errors.
    public convenience init(mapping descriptor: Int32, path: String) throws(FileError) {
        let size = try Self.regularFileSize(descriptor, path)
        guard size > 0 else {
            self.init([])
            return
        }
        let address = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
        // `mmap` returns either MAP_FAILED or a mapping of `size` bytes.
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw FileError(path: path, call: "mmap", errno: errno)
        }
        unsafe self.init(adopting: UnsafeRawPointer(address), count: size, isMapped: true)
    }

    /// Reads a file into memory, refusing one of more than `limit` bytes.
    public convenience init(reading path: String, limit: Int = 1 << 30) throws(FileError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(path: path, call: "open", errno: errno) }
        defer { close(descriptor) }
        let size = try Self.regularFileSize(descriptor, path)
        guard size <= limit else { throw FileError(path: path, call: "read", errno: EFBIG) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(size, 1), alignment: 16)
        var filled = 0
        while filled < size {
            // `filled < size`, so the pointer and the length stay inside the buffer.
            let got = unsafe read(descriptor, buffer.baseAddress.unsafelyUnwrapped + filled, size - filled)
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else {
                let reason = errno
                unsafe buffer.deallocate()
                throw FileError(path: path, call: "read", errno: reason)
            }
            if got == 0 { break }
            filled += got
        }
        unsafe self.init(
            adopting: UnsafeRawPointer(buffer.baseAddress.unsafelyUnwrapped), count: filled, isMapped: false)
    }

    private static func regularFileSize(_ descriptor: Int32, _ path: String) throws(FileError) -> Int {
        var status = stat()
        // `status` is a local of the type that fstat fills.
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw FileError(path: path, call: "fstat", errno: errno)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw FileError(path: path, call: "open", errno: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL)
        }
        return Int(status.st_size)
    }
}
