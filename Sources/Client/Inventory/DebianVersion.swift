/// Compares package versions as dpkg does (deb-version(7)): epoch, then alternating texts and numbers; `~` is first.
public enum DebianVersion {
    /// Whether the first is older than the second.
    public static func isOlder(_ a: String, than b: String) -> Bool { compare(a, b) < 0 }

    /// Below 0, 0 or above 0.
    public static func compare(_ a: String, _ b: String) -> Int {
        let (x, y) = (parts(a), parts(b))
        if x.epoch != y.epoch { return x.epoch < y.epoch ? -1 : 1 }
        let upstream = order(x.upstream, y.upstream)
        return upstream != 0 ? upstream : order(x.revision, y.revision)
    }

    private static func parts(_ text: String) -> (epoch: Int, upstream: [UInt8], revision: [UInt8]) {
        var rest = Substring(text)
        var epoch = 0
        if let colon = rest.firstIndex(of: ":") {
            epoch = Int(rest[..<colon]) ?? 0
            rest = rest[rest.index(after: colon)...]
        }
        guard let dash = rest.lastIndex(of: "-") else { return (epoch, Array(rest.utf8), []) }
        return (epoch, Array(rest[..<dash].utf8), Array(rest[rest.index(after: dash)...].utf8))
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    private static func weight(_ byte: UInt8?) -> Int {
        guard let byte, !isDigit(byte) else { return 0 }
        if byte == UInt8(ascii: "~") { return -1 }
        let isLetter = (65...90).contains(byte) || (97...122).contains(byte)
        return isLetter ? Int(byte) : Int(byte) + 256
    }

    private static func order(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var (i, j) = (0, 0)
        while i < a.count || j < b.count {
            while (i < a.count && !isDigit(a[i])) || (j < b.count && !isDigit(b[j])) {
                let difference = weight(i < a.count ? a[i] : nil) - weight(j < b.count ? b[j] : nil)
                if difference != 0 { return difference }
                if i < a.count { i += 1 }
                if j < b.count { j += 1 }
            }
            let (x, y) = (number(a, &i), number(b, &j))
            if x.count != y.count { return x.count < y.count ? -1 : 1 }
            if let (p, q) = zip(x, y).first(where: { $0 != $1 }) { return p < q ? -1 : 1 }
        }
        return 0
    }

    /// The digits of a number without leading zeros, so that it may be of any length.
    private static func number(_ bytes: [UInt8], _ index: inout Int) -> ArraySlice<UInt8> {
        let start = index
        while index < bytes.count, isDigit(bytes[index]) { index += 1 }
        return bytes[start..<index].drop { $0 == 48 }
    }
}
