import Crypto

/// Length and hashes of a file, as metadata lists them (TUF 4.4, 4.5).
public struct FileHashes: Sendable, Equatable {
    /// Hex digests by algorithm, at least one of `sha256` and `sha512` if any.
    public let digests: ByteMap<String>

    /// Takes digests as metadata lists them.
    public init(digests: ByteMap<String>) { self.digests = digests }

    /// SHA-256 of some bytes.
    public init(of bytes: [UInt8]) {
        digests = ["sha256": Hex.encode(SHA256.hash(data: bytes))]
    }

    /// Reads `hashes` objects.
    init(_ json: JSON.Object, subject: String) throws(ChannelError) {
        digests = try json.mapValues { name, value throws(ChannelError) in
            guard let text = value.string, let bytes = Hex.decode(text), !bytes.isEmpty else {
                throw ChannelError(.malformed, subject, "the \(name) hash isn't hex")
            }
            return text
        }
    }

    var json: JSON { .object(digests.mapValues { _, text in .string(text) }) }
}

/// Computes all hashes that a file must have while its bytes pass by.
struct HashCheck {
    private let expected: FileHashes
    private var sha256: SHA256?
    private var sha512: SHA512?

    /// Prepares to check `expected`.
    ///
    /// - Throws: `mismatch` if no listed algorithm is one we can compute, because then nothing would be checked.
    init(_ expected: FileHashes, subject: String, clause: String) throws(ChannelError) {
        self.expected = expected
        sha256 = expected.digests[key: "sha256"] == nil ? nil : SHA256()
        sha512 = expected.digests[key: "sha512"] == nil ? nil : SHA512()
        guard sha256 != nil || sha512 != nil else {
            throw ChannelError(.mismatch, subject, "none of its hashes is of a known algorithm", clause: clause)
        }
    }

    /// The digest that stands in file names: SHA-256 if listed, because every publisher lists that.
    static func preferredDigest(in digests: ByteMap<String>) -> String? {
        digests[key: "sha256"] ?? digests[key: "sha512"] ?? digests.values.first
    }

    /// Takes the next bytes.
    mutating func update(_ bytes: some Sequence<UInt8>) {
        let chunk = Array(bytes)
        sha256?.update(data: chunk)
        sha512?.update(data: chunk)
    }

    /// Whether all hashes that could be computed are as listed.
    func matches() -> Bool {
        isSame(sha256.map { Hex.encode($0.finalize()) }, "sha256")
            && isSame(sha512.map { Hex.encode($0.finalize()) }, "sha512")
    }

    private func isSame(_ computed: String?, _ algorithm: String) -> Bool {
        guard let computed else { return true }
        return expected.digests[key: algorithm]?.lowercased() == computed
    }
}
