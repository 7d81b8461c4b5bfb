/// An address in another process.
///
/// Own type, so that it can't be dereferenced here by accident.
///
/// Arithmetic is checked: it answers nil where it would leave the 64-bit space, because every operand may
/// come from a process or file that lies.
public struct RemoteAddress: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// The address as a number.
    public let rawValue: UInt64

    /// Takes any number.
    @inlinable
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Takes any number.
    @inlinable
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// This address plus a number of bytes; nil past the end of the space.
    @inlinable
    public func adding(_ bytes: UInt64) -> RemoteAddress? {
        let (sum, overflow) = rawValue.addingReportingOverflow(bytes)
        return overflow ? nil : RemoteAddress(sum)
    }

    /// This address minus a number of bytes; nil below zero.
    @inlinable
    public func subtracting(_ bytes: UInt64) -> RemoteAddress? {
        bytes > rawValue ? nil : RemoteAddress(rawValue - bytes)
    }

    /// This address moved by a signed number of bytes; nil outside the space.
    @inlinable
    public func offset(by bytes: Int64) -> RemoteAddress? {
        bytes < 0 ? subtracting(bytes.magnitude) : adding(bytes.magnitude)
    }

    /// The signed distance in bytes from here to `other`; nil if it doesn't fit 64 signed bits.
    @inlinable
    public func distance(to other: RemoteAddress) -> Int64? {
        other >= self
            ? Int64(exactly: other.rawValue - rawValue)
            : Int64(exactly: rawValue - other.rawValue).map { -$0 }
    }

    /// This address rounded down to a multiple of `alignment`, a power of two.
    @inlinable
    public func alignedDown(to alignment: UInt64) -> RemoteAddress {
        RemoteAddress(rawValue & ~(alignment &- 1))
    }

    /// This address rounded up to a multiple of `alignment`, a power of two; nil past the end of the space.
    @inlinable
    public func alignedUp(to alignment: UInt64) -> RemoteAddress? {
        adding(alignment &- 1)?.alignedDown(to: alignment)
    }

    /// Hexadecimal: `0x7f12`.
    public var description: String { "0x" + String(rawValue, radix: 16) }

    /// Orders by number.
    @inlinable
    public static func < (a: RemoteAddress, b: RemoteAddress) -> Bool { a.rawValue < b.rawValue }
}

/// A run of bytes in another process.
///
/// Laid out as the kernel's `struct iovec`: start, then count.
public struct RemoteRange: Hashable, Sendable, CustomStringConvertible {
    /// The first byte.
    public var start: RemoteAddress
    /// The number of bytes.
    public var count: UInt64

    /// Makes a range; it may run past the end of the space, see ``end``.
    @inlinable
    public init(start: RemoteAddress, count: UInt64) {
        self.start = start
        self.count = count
    }

    /// The address behind the last byte; nil if the range runs past the end of the space.
    @inlinable
    public var end: RemoteAddress? { start.adding(count) }

    /// Whether `address` lies inside.
    @inlinable
    public func contains(_ address: RemoteAddress) -> Bool {
        address >= start && address.rawValue - start.rawValue < count
    }

    /// Whether the two have a byte in common.
    @inlinable
    public func overlaps(_ other: RemoteRange) -> Bool {
        count > 0 && other.count > 0 && (contains(other.start) || other.contains(start))
    }

    /// Start and end in hexadecimal.
    public var description: String { "\(start)+0x\(String(count, radix: 16))" }
}
