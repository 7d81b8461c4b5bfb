/// Writes numbers, bytes and lists, little-endian, each list behind its count.
public struct ByteWriter: Sendable {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []

    /// An empty writer.
    public init() {}

    /// Writes one integer.
    public mutating func write<T: FixedWidthInteger>(_ value: T) {
        for shift in stride(from: 0, to: T.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> T(shift)))
        }
    }

    /// Writes bytes behind their 32-bit count.
    public mutating func write(_ value: [UInt8]) {
        write(UInt32(value.count))
        bytes += value
    }

    /// Writes text as UTF-8 behind its 32-bit count of bytes.
    public mutating func write(_ value: String) { write(Array(value.utf8)) }

    /// Writes a list behind its 32-bit count.
    public mutating func write<T>(list: [T], _ body: (inout ByteWriter, T) -> Void) {
        write(UInt32(list.count))
        for element in list { body(&self, element) }
    }
}

/// Reads what ``ByteWriter`` wrote; every defect is an error, never a trap.
public struct ByteReader: Sendable {
    private let bytes: [UInt8]
    private var at = 0

    /// Reads from the start of the bytes.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether everything was read.
    public var isAtEnd: Bool { at == bytes.count }

    /// Reads one integer; `what` names it in the error.
    public mutating func read<T: FixedWidthInteger>(_ what: String, as type: T.Type = T.self) throws(PatchFileError)
        -> T
    {
        let size = MemoryLayout<T>.size
        guard bytes.count - at >= size else { throw PatchFileError(.malformed, "\(what) is cut off at byte \(at)") }
        var value: T = 0
        for index in (0..<size).reversed() {
            value = (size == 1 ? 0 : value << 8) | T(truncatingIfNeeded: bytes[at + index])
        }
        at += size
        return value
    }

    /// Reads bytes behind their count.
    public mutating func readBytes(_ what: String) throws(PatchFileError) -> [UInt8] {
        let count = Int(try read(what, as: UInt32.self))
        guard count <= bytes.count - at else {
            throw PatchFileError(.malformed, "\(what) is cut off at byte \(at)")
        }
        defer { at += count }
        return Array(bytes[at..<at + count])
    }

    /// Reads text.
    public mutating func readString(_ what: String) throws(PatchFileError) -> String {
        String(decoding: try readBytes(what), as: UTF8.self)
    }

    /// Reads a list; a count that can't fit into the rest is refused before anything is allocated.
    public mutating func readList<T>(_ what: String, _ body: (inout ByteReader) throws(PatchFileError) -> T)
        throws(PatchFileError) -> [T]
    {
        let count = Int(try read(what, as: UInt32.self))
        guard count <= bytes.count - at else {
            throw PatchFileError(.malformed, "\(what): impossible count \(count)")
        }
        var list: [T] = []
        for _ in 0..<count { list.append(try body(&self)) }
        return list
    }
}
