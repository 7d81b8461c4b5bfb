/// The outer shape of every metadata file: a signed object and signatures over it (TUF 4.2).
///
/// Signatures are over the canonical form of the object *as it was received*, unknown members included, not
/// over what we understood of it.
public struct Envelope: Sendable {
    /// The object that is signed.
    public let signed: JSON.Object
    /// Its canonical form: the bytes that signatures are over.
    let signedBytes: [UInt8]
    /// Signatures in hex by key identifier; text that isn't hex simply verifies nothing.
    public private(set) var signatures: ByteMap<String>

    /// Parses a metadata file.
    public init(parsing bytes: [UInt8], subject: String) throws(ChannelError) {
        guard let object = try JSON.parse(bytes, subject: subject).object else {
            throw ChannelError(.malformed, subject, "no JSON object")
        }
        let reader = ObjectReader(object, subject: subject)
        signed = try reader.object("signed")
        guard let canonical = JSON.object(signed).canonicalBytes else {
            throw reader.failure("a number that has no canonical form")
        }
        signedBytes = canonical
        var list: [ByteMap<String>.Entry] = []
        for element in try reader.array("signatures") {
            guard let signature = element.object else { throw reader.failure("a signature isn't an object") }
            let inner = ObjectReader(signature, subject: subject)
            list.append(.init(key: try inner.string("keyid"), value: try inner.string("sig")))
        }
        guard let unique = ByteMap(unique: list) else { throw reader.failure("two signatures by one key") }
        signatures = unique
    }

    /// Prepares an object to be signed.
    init(signing signed: JSON.Object, subject: String) throws(ChannelError) {
        guard let canonical = JSON.object(signed).canonicalBytes else {
            throw ChannelError(.malformed, subject, "a number that has no canonical form")
        }
        self.signed = signed
        signedBytes = canonical
        signatures = [:]
    }

    /// Adds (or replaces) the signature by one key.
    mutating func sign(with key: PrivateKey) throws(ChannelError) {
        signatures[key: key.publicKey.id] = Hex.encode(try key.signature(over: signedBytes))
    }

    /// The file to store.
    var fileBytes: [UInt8] {
        let list = signatures.entries.map { entry -> JSON in
            ["keyid": .string(entry.key), "sig": .string(entry.value)]
        }
        let file: JSON = ["signatures": .array(list), "signed": .object(signed)]
        return file.compactBytes
    }

    /// How many *distinct* keys of the role made a valid signature.
    ///
    /// One key listed under two identifiers counts once (TUF 4.3: threshold of distinct keys).
    func validSignatures(of role: RoleKeys, keys: ByteMap<PublicKey>) -> Int {
        var seen: Set<[UInt8]> = []
        for id in role.keyIDs {
            guard let text = signatures[key: id], let signature = Hex.decode(text),
                let material = keys[key: id]?.material, !seen.contains(material.identity),
                material.verifies(signature, over: signedBytes)
            else { continue }
            seen.insert(material.identity)
        }
        return seen.count
    }

    /// Refuses unless a threshold of the role's keys signed.
    func verify(
        _ role: RoleKeys, keys: ByteMap<PublicKey>, subject: String, by delegator: String, clause: String
    ) throws(ChannelError) {
        let valid = validSignatures(of: role, keys: keys)
        guard valid >= role.threshold else {
            throw ChannelError(
                .signatures, subject,
                "signed by \(valid) of the \(role.threshold) distinct keys that \(delegator) asks for",
                clause: clause)
        }
    }
}

/// Which keys speak for a role, and how many of them must (TUF 4.3).
public struct RoleKeys: Sendable, Equatable {
    /// Identifiers of the keys.
    public var keyIDs: [String]
    /// How many distinct ones must sign; at least 1.
    public var threshold: Int
    /// Members that this version doesn't know.
    var others: JSON.Object = [:]

    /// Names keys and how many must sign.
    public init(keyIDs: [String], threshold: Int) {
        self.keyIDs = keyIDs
        self.threshold = threshold
    }

    init(_ json: JSON.Object, subject: String) throws(ChannelError) {
        let reader = ObjectReader(json, subject: subject)
        keyIDs = try reader.strings("keyids")
        threshold = try reader.integer("threshold", atLeast: 1)
        others = reader.others(than: "keyids", "threshold")
    }

    var json: JSON.Object {
        var object = others
        object[key: "keyids"] = .array(keyIDs.map { .string($0) })
        object[key: "threshold"] = .integer(Int64(threshold))
        return object
    }
}
