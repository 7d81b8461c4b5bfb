public import Channel

/// A TUF repository in memory that is also the ``Fetcher``: a world in which tests change one thing.
///
/// Metadata is signed when it is asked for, from the values as they are at that moment, so a test can set a
/// wrong version, drop a key or let something expire and then look at what a client makes of it. Roots are
/// the exception: each published one is kept. `overrides` replaces single answers, `requests` says what was
/// asked for, in order.
public final class RepositorySimulator: Fetcher {
    /// The moment that all tests take for now: 2026-01-01T00:00:00Z.
    public static let now = UTCTime(seconds: 1_767_225_600)
    /// Where the simulated metadata is.
    public static let metadataAddress = "sim://repo/metadata/"
    /// Where the simulated files are.
    public static let targetsAddress = "sim://repo/targets/"

    /// A replaced answer.
    public enum Answer {
        /// These bytes instead.
        case bytes([UInt8])
        /// Zeros without end.
        case endless
        /// The true bytes, but one piece of this many bytes per simulated second.
        case slow(Int)
        /// "No such file".
        case notFound
        /// The connection breaks.
        case broken
    }

    /// The next root to be published; ``publishRoot()`` raises its version.
    public var root: Root
    /// The timestamp as it would be served now.
    public var timestamp: Timestamp
    /// The snapshot as it would be served now.
    public var snapshot: Snapshot
    /// All targets roles as they would be served now.
    public var targets: ByteMap<Targets>
    /// The keys that sign for each role.
    public var signers: [String: [PrivateKey]]
    /// Target files by path.
    public var files: ByteMap<[UInt8]> = [:]
    /// All published roots, version 1 first.
    public private(set) var publishedRoots: [[UInt8]] = []
    /// Answers to give instead of the true ones, by file name.
    public var overrides: [String: Answer] = [:]
    /// File names asked for, in order.
    public var requests: [String] = []
    /// Whether timestamp and snapshot list lengths and hashes.
    public var listsHashes = false

    /// Makes a valid repository without files; every role has one Ed25519 key.
    public init() throws {
        let expires = Self.now.adding(seconds: 30 * 86_400)
        let header = Header(version: 1, expires: expires)
        root = Root(header: header)
        timestamp = Timestamp(header: header, snapshot: MetaFile(version: 1))
        snapshot = Snapshot(header: header, meta: ["targets.json": MetaFile(version: 1)])
        targets = ["targets": Targets(header: header)]
        signers = [:]
        for role in ["root", "timestamp", "snapshot", "targets"] {
            root.roles[key: role] = RoleKeys(keyIDs: [], threshold: 1)
            try addKey(to: role)
        }
        root.header.version = 0
        try publishRoot()
    }

    /// Gives a top-level role one more key.
    @discardableResult
    public func addKey(to role: String, _ kind: PrivateKey.Kind = .ed25519) throws -> PrivateKey {
        let key = try PrivateKey.generate(kind)
        root.keys[key: key.publicKey.id] = key.publicKey
        root.roles[key: role]?.keyIDs.append(key.publicKey.id)
        signers[role, default: []].append(key)
        return key
    }

    /// Takes all keys of a top-level role away and gives it a new one.
    public func rotateKeys(of role: String) throws {
        root.roles[key: role]?.keyIDs = []
        signers[role] = []
        try addKey(to: role)
    }

    /// Publishes the next root, signed by its own keys and those that signed the one before.
    public func publishRoot(alsoSignedBy old: [PrivateKey] = []) throws {
        root.header.version += 1
        publishedRoots.append(try root.file(signedBy: (signers["root"] ?? []) + old))
    }

    /// Raises timestamp's version and makes it name the present snapshot.
    public func updateTimestamp() throws {
        timestamp.header.version += 1
        timestamp.snapshot = MetaFile(
            version: snapshot.header.version, bytes: listsHashes ? try content("snapshot.json") : nil)
    }

    /// Raises snapshot's version, makes it name the present targets, and updates timestamp.
    public func updateSnapshot() throws {
        for entry in targets.entries {
            let bytes = listsHashes ? try content("\(entry.key).json") : nil
            snapshot.meta[key: "\(entry.key).json"] = MetaFile(version: entry.value.header.version, bytes: bytes)
        }
        snapshot.header.version += 1
        try updateTimestamp()
    }

    /// Adds a file to a targets role and publishes.
    public func add(_ path: String, _ content: [UInt8], to role: String = "targets", custom: JSON? = nil) throws {
        files[key: path] = content
        let hashes = FileHashes(of: content)
        targets[key: role]?.files[key: path] =
            TargetFile(path: path, length: content.count, hashes: hashes, custom: custom)
        targets[key: role]?.header.version += 1
        try updateSnapshot()
    }

    /// Delegates from one role to a new one with a key of its own, and publishes.
    public func delegate(
        from parent: String = "targets", to name: String, scope: DelegatedRole.Scope = .paths(["*"]),
        isTerminating: Bool = false
    ) throws {
        let key = try signers[name]?.first ?? PrivateKey.generate()
        signers[name] = [key]
        var delegations = targets[key: parent]?.delegations ?? Delegations()
        delegations.keys[key: key.publicKey.id] = key.publicKey
        if case .roles(let roles) = delegations.form {
            let keys = RoleKeys(keyIDs: [key.publicKey.id], threshold: 1)
            delegations.form = .roles(
                roles + [DelegatedRole(name: name, keys: keys, isTerminating: isTerminating, scope: scope)])
        }
        targets[key: parent]?.delegations = delegations
        if targets[key: name] == nil {
            targets[key: name] = Targets(header: Header(version: 1, expires: root.header.expires))
        }
        try updateSnapshot()
    }

    /// Delegates the top-level role to hash bins of one key, all present, and publishes.
    public func delegateToBins(bitLength: Int, prefix: String) throws {
        let key = try PrivateKey.generate()
        let keys = RoleKeys(keyIDs: [key.publicKey.id], threshold: 1)
        let bins = HashBins(bitLength: bitLength, namePrefix: prefix, keys: keys)
        targets[key: "targets"]?.delegations =
            Delegations(keys: [key.publicKey.id: key.publicKey], form: .bins(bins))
        for number in 0..<(1 << UInt32(bitLength)) {
            let name = bins.name(ofBin: UInt32(number))
            signers[name] = [key]
            targets[key: name] = Targets(header: Header(version: 1, expires: root.header.expires))
        }
        try updateSnapshot()
    }

    // MARK: Serving

    /// The true content of a metadata file without version in its name.
    public func content(_ name: String) throws -> [UInt8] {
        let role = String(name.dropLast(5))
        let keys = signers[role] ?? []
        switch role {
        case "timestamp": return try timestamp.file(signedBy: keys)
        case "snapshot": return try snapshot.file(signedBy: keys)
        default:
            guard let metadata = targets[key: role] else { throw ChannelError(.notFound, name, "simulated") }
            return try metadata.file(signedBy: keys)
        }
    }

    /// Serves one file.
    public func fetch(
        _ address: String, limits: TransferLimits, _ receive: ([UInt8]) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        let isTarget = address.hasPrefix(Self.targetsAddress)
        let name = String(address.dropFirst((isTarget ? Self.targetsAddress : Self.metadataAddress).count))
        requests.append(name)
        var meter = TransferMeter(limits, subject: name, startMilliseconds: 0)
        switch overrides[name] {
        case .notFound: throw ChannelError(.notFound, name, "simulated")
        case .broken: throw ChannelError(.network, name, "simulated break")
        case .bytes(let bytes): try receive(bytes)
        case .endless:
            // Ends because the receiver must refuse; the bound only keeps a broken receiver from hanging.
            for _ in 0..<100_000 { try receive([UInt8](repeating: 0x20, count: 4096)) }
        case .slow(let rate):
            let bytes = try served(name, isTarget: isTarget)
            var second: Int64 = 0
            for start in stride(from: 0, to: bytes.count, by: rate) {
                second += 1
                let piece = Array(bytes[start..<min(start + rate, bytes.count)])
                try meter.count(piece.count, atMilliseconds: second * 1000)
                try receive(piece)
            }
        case nil: try receive(try served(name, isTarget: isTarget))
        }
    }

    private func served(_ name: String, isTarget: Bool) throws(ChannelError) -> [UInt8] {
        do {
            return try isTarget ? targetContent(name) : metadataContent(name)
        } catch let error as ChannelError {
            throw error
        } catch {
            throw ChannelError(.network, name, "\(error)")
        }
    }

    private func metadataContent(_ name: String) throws -> [UInt8] {
        let decoded = name.split(separator: ".", maxSplits: 1)
        if name.hasSuffix(".root.json"), let number = decoded.first.flatMap({ Int($0) }) {
            guard publishedRoots.indices.contains(number - 1) else {
                throw ChannelError(.notFound, name, "simulated")
            }
            return publishedRoots[number - 1]
        }
        guard root.consistentSnapshot, name != "timestamp.json" else { return try content(unescaped(name)) }
        guard decoded.count == 2, Int(decoded[0]) != nil else { throw ChannelError(.notFound, name, "simulated") }
        return try content(unescaped(String(decoded[1])))
    }

    private func targetContent(_ name: String) throws -> [UInt8] {
        var parts = unescaped(name).split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if root.consistentSnapshot, let last = parts.popLast() {
            parts.append(String(last.drop { $0 != "." }.dropFirst()))
        }
        guard let bytes = files[key: parts.joined(separator: "/")] else {
            throw ChannelError(.notFound, name, "simulated")
        }
        return bytes
    }

    private func unescaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let code = Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self)) {
                bytes += code
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
