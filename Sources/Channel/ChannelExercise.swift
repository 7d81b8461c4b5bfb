/// Gives bytes to every parser of this room; for fuzzing and for tests of damage.
public enum ChannelExercise {
    /// Parses the bytes as everything that they could be; what fails, fails with an error.
    /// - Returns: whether all that could be read was the same after having been written and read again.
    public static func survives(_ bytes: [UInt8]) -> Bool {
        var isSame = true
        if let value = try? JSON.parse(bytes, subject: "bytes") {
            _ = value.canonicalBytes
            // What was read can be written and read again as the same value.
            let again = try? JSON.parse(value.compactBytes, subject: "again")
            isSame = again == value && isSame
            isSame = isWritable(value.object?[key: "signed"]?.object ?? value.object ?? [:]) && isSame
        }
        if let envelope = try? Envelope(parsing: bytes, subject: "bytes") {
            isSame = isWritable(envelope.signed) && isSame
        }
        _ = try? TrustedMetadataSet(root: bytes, at: UTCTime(seconds: 0))
        let half = bytes.count / 2
        let text = String(decoding: bytes[..<half], as: UTF8.self)
        let other = String(decoding: bytes[half...], as: UTF8.self)
        _ = PathPattern.matches(text, other)
        _ = PercentEncoding.decode(text)
        _ = UTCTime(other).map(\.description)
        _ = PublicKey.Material(ecdsa: text)
        _ = PublicKey.Material(rsa: text)
        _ = try? TapeIndex("bytes", size: bytes.count) { offset, length throws(ChannelError) in
            Array(bytes.dropFirst(offset).prefix(length))
        }
        return isSame
    }

    /// Reads an object as every kind of metadata, and reads again what that writes.
    private static func isWritable(_ object: JSON.Object) -> Bool {
        func isSame<Kind: MetadataKind & Equatable>(_: Kind.Type) -> Bool {
            guard let metadata = try? Kind(object, subject: "bytes") else { return true }
            return (try? Kind(metadata.json, subject: "again")) == metadata
        }
        return isSame(Root.self) && isSame(Timestamp.self) && isSame(Snapshot.self) && isSame(Targets.self)
            && isSame(BundleSeal.self)
    }
}
