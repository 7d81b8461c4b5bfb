import Glibc

/// The private keys that are at hand, by the identifier of their public half.
///
/// Whoever publishes needs only the keys of the roles that change; root keys stay on a medium of their own
/// and are brought when root changes.
public struct KeyRing: Sendable {
    private var keys: ByteMap<PrivateKey> = [:]

    /// Holds these keys.
    public init(_ keys: [PrivateKey] = []) {
        self.keys.merge(keys.map { .init(key: $0.publicKey.id, value: $0) })
    }

    /// Reads all `*.pem` files of some folders.
    /// - Throws: `key` for a file that others than its owner may read, or that is no private key.
    public init(folders: [String]) throws(ChannelError) {
        self.init()
        for folder in folders {
            for name in try Files.names(in: folder) where name.hasSuffix(".pem") {
                let key = try PrivateKey(file: "\(folder)/\(name)")
                keys[key: key.publicKey.id] = key
            }
        }
    }

    /// The public halves, by identifier.
    public var publicKeys: [PublicKey] { keys.values.map(\.publicKey) }

    /// All keys, by identifier.
    public var all: [PrivateKey] { keys.values }

    /// The keys among those identifiers that are at hand.
    public func keys(of ids: [String]) -> [PrivateKey] {
        var found: ByteMap<PrivateKey> = [:]
        for id in ids { found[key: id] = keys[key: id] }
        return found.values
    }
}

extension PrivateKey {
    /// Reads a PEM file that only its owner may read.
    public init(file path: String) throws(ChannelError) {
        var status = stat()
        // `status` is a local of the type that stat fills.
        if unsafe stat(path, &status) == 0, status.st_mode & 0o077 != 0 {
            throw ChannelError(.key, path, "others than its owner may read it; chmod 600 \(path)")
        }
        guard let bytes = try Files.read(path, limit: 1 << 16), let text = String(validating: bytes, as: UTF8.self)
        else { throw ChannelError(.key, path, "no such key file") }
        try self.init(pem: text, subject: path)
    }

    /// Writes the key as PKCS #8 PEM, readable by its owner only; never over a file that is there.
    public func write(to path: String) throws(ChannelError) {
        guard Files.length(path) == nil else { throw ChannelError(.key, path, "there is a file of that name") }
        try Files.makeFolder(Files.folder(of: path), mode: 0o700)
        try Files.replace(path, with: Array(pem.utf8), mode: 0o600)
    }
}
