/// The root role's metadata: which keys speak for the top-level roles (TUF 4.3).
public struct Root: MetadataKind, Equatable {
    /// Its name, and the value of `_type`.
    public static let type = "root"
    /// The roles that every root must name.
    static let topLevelRoles = ["root", "timestamp", "snapshot", "targets"]

    /// Version and expiry.
    public var header: Header
    /// Whether file names carry versions and hashes (TUF 6.2).
    public var consistentSnapshot: Bool
    /// All keys, by identifier.
    public var keys: ByteMap<PublicKey>
    /// The keys of each role, by its name.
    public var roles: ByteMap<RoleKeys>
    /// Members that this version doesn\'t know.
    public var others: JSON.Object = [:]

    /// Makes root metadata with no keys yet.
    public init(header: Header, consistentSnapshot: Bool = true) {
        self.header = header
        self.consistentSnapshot = consistentSnapshot
        keys = [:]
        roles = [:]
    }

    /// Reads the signed object.
    public init(_ signed: JSON.Object, subject: String) throws(ChannelError) {
        let reader = ObjectReader(signed, subject: subject)
        header = try Header(reader, type: Self.type)
        consistentSnapshot =
            signed[key: "consistent_snapshot"] == nil ? false : try reader.bool("consistent_snapshot")
        keys = try readKeys(reader)
        roles = try reader.object("roles").mapValues { _, value throws(ChannelError) in
            guard let object = value.object else { throw reader.failure("a role isn't an object") }
            return try RoleKeys(object, subject: subject)
        }
        for name in Self.topLevelRoles where roles[key: name] == nil {
            throw reader.failure("no role \"\(name)\"")
        }
        others = reader.others(
            than: "_type", "spec_version", "version", "expires", "consistent_snapshot", "keys", "roles")
    }

    /// The object to sign.
    public var json: JSON.Object {
        var object = others
        header.write(into: &object, type: Self.type)
        object[key: "consistent_snapshot"] = .bool(consistentSnapshot)
        object[key: "keys"] = .object(keys.mapValues { _, key in .object(key.json) })
        object[key: "roles"] = .object(roles.mapValues { _, role in .object(role.json) })
        return object
    }

    /// Gives a top-level role other keys, and forgets keys that no role needs any more.
    public mutating func setKeys(_ new: [PublicKey], threshold: Int, of role: String) {
        keys.merge(new.map { .init(key: $0.id, value: $0) })
        roles[key: role] = RoleKeys(keyIDs: new.map(\.id), threshold: threshold)
        let needed = roles.values.flatMap(\.keyIDs)
        for id in keys.keys where !needed.contains(where: { sameBytes($0, id) }) { keys[key: id] = nil }
    }

    /// The keys of a top-level role; none if it isn't named, and nothing is ever signed by none.
    public func role(_ name: String) -> RoleKeys {
        roles[key: name] ?? RoleKeys(keyIDs: [], threshold: 1)
    }
}

/// Reads the member `keys` of root or of delegations.
func readKeys(_ reader: ObjectReader) throws(ChannelError) -> ByteMap<PublicKey> {
    try reader.object("keys").mapValues { id, value throws(ChannelError) in
        guard let object = value.object else { throw reader.failure("a key isn't an object") }
        return try PublicKey(id: id, json: object, subject: reader.subject)
    }
}
