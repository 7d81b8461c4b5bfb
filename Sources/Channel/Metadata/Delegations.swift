import Crypto

/// Whom a targets role trusts with which paths (TUF 4.5, TAP 15 for bins).
public struct Delegations: Sendable, Equatable {
    /// All keys of the roles, by identifier.
    public var keys: ByteMap<PublicKey>
    /// Either named roles in the order of trust, or hash bins.
    public var form: Form
    var others: JSON.Object = [:]

    /// The two ways to delegate.
    public enum Form: Sendable, Equatable {
        /// Named roles, the most trusted first.
        case roles([DelegatedRole])
        /// Bins of equal rights; a path belongs to the one that its hash names.
        case bins(HashBins)
    }

    /// Delegates to named roles.
    public init(keys: ByteMap<PublicKey> = [:], form: Form = .roles([])) {
        self.keys = keys
        self.form = form
    }

    init(_ json: JSON.Object, subject: String) throws(ChannelError) {
        let reader = ObjectReader(json, subject: subject)
        keys = try readKeys(reader)
        switch (json[key: "roles"], json[key: "succinct_roles"]) {
        case (.some, nil):
            var roles: [DelegatedRole] = []
            for element in try reader.array("roles") {
                guard let object = element.object else { throw reader.failure("a role isn't an object") }
                roles.append(try DelegatedRole(object, subject: subject))
            }
            let names = roles.map { ByteMap<Void>.Entry(key: $0.name, value: ()) }
            guard ByteMap(unique: names) != nil else { throw reader.failure("two delegations of one name") }
            form = .roles(roles)
        case (nil, .some):
            form = .bins(try HashBins(try reader.object("succinct_roles"), subject: subject))
        default: throw reader.failure("delegations need either roles or succinct_roles")
        }
        others = reader.others(than: "keys", "roles", "succinct_roles")
    }

    var json: JSON {
        var object = others
        object[key: "keys"] = .object(keys.mapValues { _, key in .object(key.json) })
        switch form {
        case .roles(let roles): object[key: "roles"] = .array(roles.map { .object($0.json) })
        case .bins(let bins): object[key: "succinct_roles"] = .object(bins.json)
        }
        return .object(object)
    }

    /// The keys that speak for the delegated role of that name; `nil` if there is no such delegation.
    public func role(_ name: String) -> RoleKeys? {
        switch form {
        case .roles(let roles): roles.first { sameBytes($0.name, name) }?.keys
        case .bins(let bins): bins.contains(name) ? bins.keys : nil
        }
    }

    /// The roles trusted with a path, the most trusted first.
    func roles(for path: String) -> [(name: String, isTerminating: Bool)] {
        switch form {
        case .roles(let roles):
            roles.filter { $0.isTrusted(with: path) }.map { ($0.name, $0.isTerminating) }
        case .bins(let bins): [(bins.name(for: path), true)]
        }
    }
}

/// A named role that is trusted with some paths.
public struct DelegatedRole: Sendable, Equatable {
    /// Its name, which is also the name of its file.
    public var name: String
    /// The keys that speak for it.
    public var keys: RoleKeys
    /// Whether the search for a path that it is trusted with ends here, found or not.
    public var isTerminating: Bool
    /// What it is trusted with.
    public var scope: Scope

    /// What a role is trusted with.
    public enum Scope: Sendable, Equatable {
        /// Paths that match one of these patterns.
        case paths([String])
        /// Paths whose SHA-256 begins with one of these hex digits.
        case hashPrefixes([String])
    }

    /// Delegates some paths.
    public init(name: String, keys: RoleKeys, isTerminating: Bool = false, scope: Scope) {
        self.name = name
        self.keys = keys
        self.isTerminating = isTerminating
        self.scope = scope
    }

    init(_ json: JSON.Object, subject: String) throws(ChannelError) {
        let reader = ObjectReader(json, subject: subject)
        let name = try reader.string("name")
        guard !name.isEmpty, !Root.topLevelRoles.contains(where: { sameBytes($0, name) }) else {
            throw reader.failure("a delegation can't be named \"\(name)\"")
        }
        self.name = name
        keys = try RoleKeys(
            reader.others(than: "name", "terminating", "paths", "path_hash_prefixes"), subject: subject)
        isTerminating = try reader.bool("terminating")
        switch (json[key: "paths"], json[key: "path_hash_prefixes"]) {
        case (.some, nil): scope = .paths(try reader.strings("paths"))
        case (nil, .some): scope = .hashPrefixes(try reader.strings("path_hash_prefixes"))
        default: throw reader.failure("a delegation needs either paths or path_hash_prefixes")
        }
    }

    var json: JSON.Object {
        var object = keys.json
        object[key: "name"] = .string(name)
        object[key: "terminating"] = .bool(isTerminating)
        switch scope {
        case .paths(let patterns): object[key: "paths"] = .array(patterns.map { .string($0) })
        case .hashPrefixes(let prefixes):
            object[key: "path_hash_prefixes"] = .array(prefixes.map { .string($0) })
        }
        return object
    }

    /// Whether it may speak about a path.
    public func isTrusted(with path: String) -> Bool {
        switch scope {
        case .paths(let patterns): return patterns.contains { PathPattern.matches(path, $0) }
        case .hashPrefixes(let prefixes):
            let digest = Hex.encode(SHA256.hash(data: Array(path.utf8)))
            return prefixes.contains { digest.hasPrefix($0) }
        }
    }
}

/// Delegation to `2^bitLength` roles with the same keys (TAP 15).
public struct HashBins: Sendable, Equatable {
    /// How many leading bits of a path's SHA-256 choose the bin, 1 to 32.
    public let bitLength: Int
    /// The first part of every bin's name.
    public let namePrefix: String
    /// The keys that speak for every bin.
    public let keys: RoleKeys

    /// Delegates to bins.
    public init(bitLength: Int, namePrefix: String, keys: RoleKeys) {
        self.bitLength = min(max(bitLength, 1), 32)
        self.namePrefix = namePrefix
        self.keys = keys
    }

    init(_ json: JSON.Object, subject: String) throws(ChannelError) {
        let reader = ObjectReader(json, subject: subject)
        bitLength = try reader.integer("bit_length", atLeast: 1)
        guard bitLength <= 32 else { throw reader.failure("\"bit_length\" is over 32") }
        namePrefix = try reader.string("name_prefix")
        keys = try RoleKeys(reader.others(than: "bit_length", "name_prefix"), subject: subject)
    }

    var json: JSON.Object {
        var object = keys.json
        object[key: "bit_length"] = .integer(Int64(bitLength))
        object[key: "name_prefix"] = .string(namePrefix)
        return object
    }

    /// The number of hex digits that the highest bin's number needs; all bins use as many.
    private var digits: Int { (bitLength + 3) / 4 }

    /// The name of a bin.
    public func name(ofBin number: UInt32) -> String {
        let text = String(number, radix: 16)
        return namePrefix + "-" + String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    /// The bin that a path belongs to.
    public func name(for path: String) -> String {
        var leading: UInt32 = 0
        for byte in SHA256.hash(data: Array(path.utf8)).prefix(4) { leading = leading << 8 | UInt32(byte) }
        return name(ofBin: leading >> UInt32(32 - bitLength))
    }

    /// Whether a role name is one of the bins'.
    func contains(_ name: String) -> Bool {
        guard name.hasPrefix(namePrefix + "-"), let number = UInt32(name.suffix(digits), radix: 16),
            bitLength == 32 || number < 1 << UInt32(bitLength)
        else { return false }
        return sameBytes(name, self.name(ofBin: number))
    }
}
