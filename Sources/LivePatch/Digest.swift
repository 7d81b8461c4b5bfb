import Crypto

/// A SHA-256 digest: names a patch file or a diff for good.
public struct Digest: Hashable, Sendable {
    /// 32 bytes.
    public let bytes: [UInt8]

    /// Takes 32 bytes; `nil` for any other number.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// Digests some bytes.
    public init(of bytes: [UInt8]) {
        self.bytes = Array(SHA256.hash(data: bytes))
    }

    /// The first twelve hexadecimal digits: enough to name a patch on a command line.
    public var short: String { String(description.prefix(12)) }
}

extension Digest: CustomStringConvertible {
    /// 64 lower case hexadecimal digits.
    public var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
