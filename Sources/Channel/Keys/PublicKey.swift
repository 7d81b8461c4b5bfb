import Crypto
import CryptoExtras

/// A public key as a role's metadata lists it (TUF 4.2.1).
///
/// A key of a kind that this version doesn't know is kept, written back unchanged, and never verifies
/// anything. The identifier is what the metadata says; it isn't recomputed, because the specification lets
/// a publisher choose it, and because nothing rests on it: signatures are counted by the key's material.
public struct PublicKey: Sendable, Equatable {
    /// The identifier under which signatures name this key.
    public let id: String
    /// The kind, `ed25519`, `ecdsa` or `rsa`.
    public let type: String
    /// The signature scheme, such as `rsassa-pss-sha256`.
    public let scheme: String
    /// The key as text: hex for Ed25519, PEM for the others.
    public let text: String
    /// The object that the metadata held, unknown members included.
    public let json: JSON.Object

    /// Reads a key object.
    public init(id: String, json: JSON.Object, subject: String) throws(ChannelError) {
        let reader = ObjectReader(json, subject: subject)
        self.id = id
        type = try reader.string("keytype")
        scheme = try reader.string("scheme")
        text = try ObjectReader(try reader.object("keyval"), subject: subject).string("public")
        self.json = json
    }

    /// Makes a key with the identifier that the specification suggests: SHA-256 of its canonical form.
    public init(type: String, scheme: String, text: String) {
        let keyval: JSON = ["public": .string(text)]
        let json: JSON = ["keytype": .string(type), "scheme": .string(scheme), "keyval": keyval]
        // All members are text, so the canonical form exists.
        id = Hex.encode(SHA256.hash(data: json.canonicalBytes ?? []))
        self.type = type
        self.scheme = scheme
        self.text = text
        self.json = json.object ?? [:]
    }

    /// The key proper, if this version knows its kind and the text can be read.
    var material: Material? {
        switch (type, scheme) {
        case ("ed25519", "ed25519"): Material(ed25519: text)
        case ("ecdsa", "ecdsa-sha2-nistp256"), ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"):
            Material(ecdsa: text)
        case ("rsa", "rsassa-pss-sha256"): Material(rsa: text)
        default: nil
        }
    }
}

extension PublicKey {
    /// A key that can verify.
    enum Material {
        case ed25519(Curve25519.Signing.PublicKey)
        case ecdsa(P256.Signing.PublicKey)
        case rsa(_RSA.Signing.PublicKey)

        /// 32 bytes in hex, or a PEM block.
        init?(ed25519 text: String) {
            if text.hasPrefix("-----BEGIN") {
                guard let key = try? Curve25519.Signing.PublicKey(pemRepresentation: text) else { return nil }
                self = .ed25519(key)
                return
            }
            guard let bytes = Hex.decode(text),
                let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
            else { return nil }
            self = .ed25519(key)
        }

        /// A PEM block, or the uncompressed or compressed point in hex.
        init?(ecdsa text: String) {
            if text.hasPrefix("-----BEGIN") {
                guard let key = try? P256.Signing.PublicKey(pemRepresentation: text) else { return nil }
                self = .ecdsa(key)
                return
            }
            guard let bytes = Hex.decode(text) else { return nil }
            let key =
                (try? P256.Signing.PublicKey(x963Representation: bytes))
                ?? (try? P256.Signing.PublicKey(compressedRepresentation: bytes))
                ?? (try? P256.Signing.PublicKey(derRepresentation: bytes))
            guard let key else { return nil }
            self = .ecdsa(key)
        }

        /// A PEM block; keys under 2048 bits are refused.
        init?(rsa text: String) {
            guard let key = try? _RSA.Signing.PublicKey(pemRepresentation: text) else { return nil }
            self = .rsa(key)
        }

        /// Bytes that are equal exactly if two keys are the same key, however each is written down.
        var identity: [UInt8] {
            switch self {
            case .ed25519(let key): [1] + Array(key.rawRepresentation)
            case .ecdsa(let key): [2] + Array(key.x963Representation)
            case .rsa(let key): [3] + Array(key.derRepresentation)
            }
        }

        /// Whether `signature` over `bytes` was made with the private half.
        func verifies(_ signature: [UInt8], over bytes: [UInt8]) -> Bool {
            switch self {
            case .ed25519(let key):
                return key.isValidSignature(signature, for: bytes)
            case .ecdsa(let key):
                guard let parsed = try? P256.Signing.ECDSASignature(derRepresentation: signature) else {
                    return false
                }
                return key.isValidSignature(parsed, for: SHA256.hash(data: bytes))
            case .rsa(let key):
                let parsed = _RSA.Signing.RSASignature(rawRepresentation: signature)
                return key.isValidSignature(parsed, for: SHA256.hash(data: bytes), padding: .PSS)
            }
        }
    }
}
