// Numbers and fields in the line formats of /proc, over bytes, without allocation. A function that takes
// `inout position` moves it behind what it read; if it answers nil, the position means nothing and the
// caller gives the line up. None traps, whatever the bytes are.

extension Span where Element == UInt8 {
    /// A hexadecimal number of 1 to 16 digits.
    @inline(__always)
    func hexadecimal(_ position: inout Int, _ end: Int) -> UInt64? {
        var value: UInt64 = 0
        let start = position
        while position < end {
            let byte = self[position]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte &- 0x30
            case 0x61...0x66: digit = byte &- 0x57
            default: return position > start && position - start <= 16 ? value : nil
            }
            value = value << 4 | UInt64(digit)
            position += 1
        }
        return position > start && position - start <= 16 ? value : nil
    }

    /// A decimal number that fits 64 bits.
    @inline(__always)
    func decimal(_ position: inout Int, _ end: Int) -> UInt64? {
        var value: UInt64 = 0
        let start = position
        while position < end {
            let digit = self[position] &- 0x30
            if digit > 9 { break }
            let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = tenfold.addingReportingOverflow(UInt64(digit))
            if overflow || overflow2 { return nil }
            value = sum
            position += 1
        }
        return position > start ? value : nil
    }

    /// One given byte.
    @inline(__always)
    func skip(_ byte: UInt8, _ position: inout Int, _ end: Int) -> Bool {
        guard position < end, self[position] == byte else { return false }
        position += 1
        return true
    }

    /// Any number of spaces and tabs.
    @inline(__always)
    func skipBlanks(_ position: inout Int, _ end: Int) {
        while position < end, self[position] == 0x20 || self[position] == 0x09 { position += 1 }
    }

    /// The position of the next byte of this value, or `end`.
    @inline(__always)
    func firstIndex(of byte: UInt8, from start: Int, _ end: Int) -> Int {
        var position = start
        while position < end, self[position] != byte { position += 1 }
        return position
    }

    /// Whether the bytes at `position` are those of `text`.
    func hasBytes(_ text: StaticString, at position: Int, _ end: Int) -> Bool {
        let count = text.utf8CodeUnitCount
        guard end - position >= count else { return false }
        // Sound: reads `count` bytes, the length of the static string, within bounds checked above.
        for index in 0..<count where unsafe text.utf8Start[index] != self[position + index] { return false }
        return true
    }

    /// The bytes of a range as text; what isn't UTF-8 becomes U+FFFD.
    func text(_ range: Range<Int>) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        for index in range { bytes.append(self[index]) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
