import Crypto
import CryptoExtras

/// A key that can sign for a role; stored as PKCS #8 PEM.
public struct PrivateKey: Sendable {
    /// The kinds that can be made.
    public enum Kind: String, Sendable, CaseIterable {
        /// Ed25519: small, fast, deterministic; the default.
        case ed25519
        /// ECDSA over P-256 with SHA-256: what most hardware tokens hold.
        case ecdsa
        /// RSA-PSS with SHA-256, 3072 bits.
        case rsa
    }

    private enum Material: Sendable {
        case ed25519(Curve25519.Signing.PrivateKey)
        case ecdsa(P256.Signing.PrivateKey)
        case rsa(_RSA.Signing.PrivateKey)
    }

    private let material: Material
    /// The public half, as metadata lists it.
    public let publicKey: PublicKey

    /// Makes a new key.
    public static func generate(_ kind: Kind = .ed25519) throws(ChannelError) -> PrivateKey {
        switch kind {
        case .ed25519: return PrivateKey(.ed25519(Curve25519.Signing.PrivateKey()))
        case .ecdsa: return PrivateKey(.ecdsa(P256.Signing.PrivateKey()))
        case .rsa:
            do {
                return PrivateKey(.rsa(try _RSA.Signing.PrivateKey(keySize: .bits3072)))
            } catch {
                throw ChannelError(.key, "new RSA key", "\(error)")
            }
        }
    }

    private init(_ material: Material) {
        self.material = material
        publicKey =
            switch material {
            case .ed25519(let key):
                PublicKey(
                    type: "ed25519", scheme: "ed25519", text: Hex.encode(key.publicKey.rawRepresentation))
            case .ecdsa(let key):
                PublicKey(
                    type: "ecdsa", scheme: "ecdsa-sha2-nistp256",
                    text: Self.lineEnded(key.publicKey.pemRepresentation))
            case .rsa(let key):
                PublicKey(
                    type: "rsa", scheme: "rsassa-pss-sha256",
                    text: Self.lineEnded(key.publicKey.pemRepresentation))
            }
    }

    /// Reads a PEM block: PKCS #8 for any kind, SEC 1 or PKCS #1 too where the kind has one.
    public init(pem: String, subject: String) throws(ChannelError) {
        if let key = try? Curve25519.Signing.PrivateKey(pemRepresentation: pem) {
            self.init(.ed25519(key))
        } else if let key = try? P256.Signing.PrivateKey(pemRepresentation: pem) {
            self.init(.ecdsa(key))
        } else if let key = try? _RSA.Signing.PrivateKey(pemRepresentation: pem) {
            self.init(.rsa(key))
        } else {
            throw ChannelError(
                .key, subject, "not a private key in PEM: Ed25519, ECDSA P-256, or RSA of 2048 bits or more")
        }
    }

    /// The key as PKCS #8 PEM, not encrypted.
    public var pem: String {
        switch material {
        case .ed25519(let key): Self.lineEnded(key.pemRepresentation)
        case .ecdsa(let key): Self.lineEnded(key.pemRepresentation)
        case .rsa(let key): Self.lineEnded(key.pkcs8PEMRepresentation)
        }
    }

    /// Signs `bytes`; the result is in the form that TUF stores in hex.
    public func signature(over bytes: [UInt8]) throws(ChannelError) -> [UInt8] {
        do {
            switch material {
            case .ed25519(let key): return Array(try key.signature(for: bytes))
            case .ecdsa(let key):
                return Array(try key.signature(for: SHA256.hash(data: bytes)).derRepresentation)
            case .rsa(let key):
                return Array(try key.signature(for: SHA256.hash(data: bytes), padding: .PSS).rawRepresentation)
            }
        } catch {
            throw ChannelError(.key, publicKey.id, "signing failed: \(error)")
        }
    }

    private static func lineEnded(_ pem: String) -> String { pem.hasSuffix("\n") ? pem : pem + "\n" }
}
