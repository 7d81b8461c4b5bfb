import Crypto

/// SHA-256, the one digest of this room.
enum ContentDigest {
    /// The digest of some bytes, lower-case hex.
    static func hex(_ bytes: some Collection<UInt8>) -> String {
        var hasher = SHA256()
        add(bytes, to: &hasher)
        return hex(hasher)
    }

    /// The digest of everything added to `hasher`.
    static func hex(_ hasher: SHA256) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(64)
        for byte in hasher.finalize() {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Adds bytes without a copy where they lie in one piece.
    static func add(_ bytes: some Collection<UInt8>, to hasher: inout SHA256) {
        // Sound: the buffer is only read, and only inside the closure.
        let done: Void? = bytes.withContiguousStorageIfAvailable { unsafe hasher.update(bufferPointer: .init($0)) }
        if done == nil { hasher.update(data: Array(bytes)) }
    }

    /// Adds a text and an end mark, so that neighbours can't run together.
    static func add(_ text: String, to hasher: inout SHA256) {
        add(Array(text.utf8) + [0], to: &hasher)
    }
}
