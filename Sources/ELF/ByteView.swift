public import Linux

/// A part of some bytes: what every ELF structure is read from.
///
/// A view never copies; its offsets count from its own start. Reads outside it throw ``ELFError`` with the
/// offset counted from the start of the *storage*, so an error names the place in the file.
public struct ByteView: Sendable {
    /// The bytes that this view is a part of.
    public let storage: ByteStorage
    /// Where the view starts in the storage, in bytes.
    public let start: Int
    /// The view's length in bytes.
    public let count: Int

    /// Views the whole storage.
    public init(_ storage: ByteStorage) {
        self.storage = storage
        start = 0
        count = storage.count
    }

    /// Views a copy of the array.
    public init(_ bytes: [UInt8]) { self.init(ByteStorage(bytes)) }

    private init(storage: ByteStorage, start: Int, count: Int) {
        self.storage = storage
        self.start = start
        self.count = count
    }

    /// A part of this view, `count` bytes from `offset`.
    /// - Throws: ``ELFError/Kind/truncated`` if it doesn't lie inside; `what` names it in the error.
    public func slice(_ offset: UInt64, _ count: UInt64, _ what: @autoclosure () -> String) throws(ELFError)
        -> ByteView
    {
        guard offset <= UInt64(self.count), count <= UInt64(self.count) - offset else {
            throw ELFError(.truncated, at: absolute(offset), "\(what()): \(count) bytes at offset \(offset)")
        }
        return ByteView(storage: storage, start: start + Int(offset), count: Int(count))
    }

    /// Loads one little-endian integer at an offset into the view.
    @inline(__always)
    public func load<T: FixedWidthInteger>(_ offset: Int, as type: T.Type = T.self) throws(ELFError) -> T {
        guard offset >= 0, offset <= count - MemoryLayout<T>.size,
            let value = storage.load(at: start + offset, as: T.self)
        else { throw ELFError(.truncated, at: absolute(UInt64(clamping: offset)), "integer") }
        return value
    }

    /// The bytes up to the next zero byte, decoded as UTF-8 with repairs.
    /// - Throws: if no zero byte follows inside the view.
    public func cString(_ offset: Int, _ what: @autoclosure () -> String) throws(ELFError) -> String {
        guard offset >= 0, offset < count else {
            throw ELFError(.truncated, at: absolute(UInt64(clamping: offset)), what())
        }
        let text: String? = unsafe storage.withBytes(start + offset..<start + count) { bytes in
            guard let end = unsafe bytes.firstIndex(of: 0) else { return nil }
            return unsafe String(decoding: bytes[..<end], as: UTF8.self)
        }
        guard let text else {
            throw ELFError(.unterminatedString, at: absolute(UInt64(offset)), what())
        }
        return text
    }

    /// The bytes as an array (a copy).
    public var bytes: [UInt8] { unsafe storage.withBytes(start..<start + count) { unsafe Array($0) } }

    /// Calls `body` with the bytes in place.
    public func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        unsafe storage.withBytes(start..<start + count, body)
    }

    private func absolute(_ offset: UInt64) -> UInt64 { offset.addingReportingOverflow(UInt64(start)).partialValue }
}
