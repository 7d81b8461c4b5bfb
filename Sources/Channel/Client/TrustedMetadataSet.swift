// The rules by which metadata becomes trusted. No file, no network, no clock: bytes go in, verified metadata
// or a typed error comes out. `Updater` fetches and stores; it can't talk this type into anything.
//
//   root 1 ─► root 2 ─► … ─► timestamp ─► snapshot ─► targets ─► delegated targets …
//
// - The order above is enforced: a later role can't be loaded before an earlier one, and an earlier one can't
//   be replaced once a later one was built upon it.
// - One moment is fixed at construction (TUF 5.1); all expiries are compared with it.
// - Local copies are fed in first, by the same doors as remote ones. A local timestamp or snapshot that is
//   expired or superseded still counts for rollback protection, so it is *kept* although the call throws; it
//   is then not final, and nothing can be built upon it until a newer one has taken its place.
// - When keys of timestamp or snapshot were rotated, the local copies don't verify under the new root and so
//   never get in: that is the recovery from fast-forward attacks (5.3.11), with no file to delete.

/// The metadata that is trusted so far in one run of the client workflow.
public struct TrustedMetadataSet: Sendable {
    /// The moment that all expiries are compared with (TUF 5.1).
    public let referenceTime: UTCTime
    /// The newest root so far.
    public private(set) var root: Root
    /// The newest timestamp so far, final or not.
    public private(set) var timestamp: Timestamp?
    /// The newest snapshot so far, final or not.
    public private(set) var snapshot: Snapshot?
    /// All targets metadata verified so far, by role name.
    public private(set) var targets: ByteMap<Targets> = [:]
    /// Which delegator vouched for which role: the same role may be reached by two ways with different keys.
    private var vouched: ByteMap<ByteMap<Bool>> = [:]

    /// Begins with a root that is trusted because it was shipped or stored.
    ///
    /// It must be signed by itself; it may have expired, because newer ones may follow (5.3.10).
    public init(root bytes: [UInt8], at time: UTCTime) throws(ChannelError) {
        let envelope = try Envelope(parsing: bytes, subject: Root.type)
        let first = try Root(envelope.signed, subject: Root.type)
        try envelope.verify(
            first.role(Root.type), keys: first.keys, subject: Root.type, by: "itself", clause: "5.2")
        root = first
        referenceTime = time
    }

    /// Takes the next root.
    ///
    /// Expiry of roots in between doesn't matter (5.3.6); that of the last one is checked in
    /// ``updateTimestamp(_:)``.
    public mutating func updateRoot(_ bytes: [UInt8]) throws(ChannelError) {
        guard timestamp == nil else {
            throw ChannelError(.order, Root.type, "root can't change after timestamp was loaded")
        }
        let envelope = try Envelope(parsing: bytes, subject: Root.type)
        // 5.3.4: signed as the trusted root asks, and as the new one asks.
        try envelope.verify(
            root.role(Root.type), keys: root.keys, subject: Root.type,
            by: "root version \(root.header.version)", clause: "5.3.4")
        let next = try Root(envelope.signed, subject: Root.type)
        try envelope.verify(
            next.role(Root.type), keys: next.keys, subject: Root.type, by: "itself", clause: "5.3.4")
        // 5.3.5: exactly the next version.
        let (expected, overflow) = root.header.version.addingReportingOverflow(1)
        guard !overflow, next.header.version == expected else {
            throw ChannelError(
                .rollback, Root.type, "version \(next.header.version) follows \(root.header.version)",
                clause: "5.3.5")
        }
        root = next
    }

    /// What became of an offered timestamp.
    public enum TimestampOutcome: Sendable {
        /// It is newer and took the place of the old one.
        case updated
        /// It has the version that is trusted already; the old one stays (5.4.3.1).
        case unchanged
    }

    /// Takes a timestamp.
    /// - Throws: for one that has expired too, although it is kept for rollback protection.
    public mutating func updateTimestamp(_ bytes: [UInt8]) throws(ChannelError) -> TimestampOutcome {
        guard snapshot == nil else {
            throw ChannelError(.order, Timestamp.type, "timestamp can't change after snapshot was loaded")
        }
        // 5.3.10: the last root must be valid now.
        try checkNotExpired(root.header, Root.type, clause: "5.3.10")
        // 5.4.2
        let next: Timestamp = try load(bytes, Timestamp.type, clause: "5.4.2")
        if let timestamp, next.header.version == timestamp.header.version {
            try checkTimestampIsFinal()
            return .unchanged
        }
        try place(next)
        try checkTimestampIsFinal()
        return .updated
    }

    /// Takes a snapshot.
    /// - Parameters:
    ///   - bytes: the file.
    ///   - isLocal: whether it comes from our own store, where it was put after having been verified. Then
    ///     its hash isn't compared with the timestamp's, because it may be the one before; so the rollback
    ///     check has something to compare with.
    /// - Throws: for one that has expired or isn't the timestamp's too, although it is kept for rollback
    ///   protection.
    public mutating func updateSnapshot(_ bytes: [UInt8], isLocal: Bool = false) throws(ChannelError) {
        guard let timestamp else {
            throw ChannelError(.order, Snapshot.type, "snapshot needs timestamp first")
        }
        guard targets.isEmpty else {
            throw ChannelError(.order, Snapshot.type, "snapshot can't change after targets were loaded")
        }
        try checkTimestampIsFinal()
        // 5.5.2
        if !isLocal { try timestamp.snapshot.verify(bytes, subject: Snapshot.type, clause: "5.5.2") }
        // 5.5.3
        let next: Snapshot = try load(bytes, Snapshot.type, clause: "5.5.3")
        // 5.5.5; 5.5.4 follows below, so that an older one can still serve here.
        if let snapshot { try checkNoRollback(from: snapshot, to: next) }
        snapshot = next
        try checkSnapshotIsFinal()
    }

    /// Takes the metadata of a targets role, top-level or delegated.
    /// - Parameters:
    ///   - bytes: the file.
    ///   - role: its name.
    ///   - delegator: the role that delegated to it; `root` for the top-level role.
    public mutating func updateTargets(
        _ bytes: [UInt8], role: String = Targets.type, delegator: String = Root.type
    ) throws(ChannelError) {
        guard let snapshot else { throw ChannelError(.order, role, "targets need snapshot first") }
        try checkSnapshotIsFinal()
        // 5.6.2
        let listed = try metaFile(of: role, in: snapshot)
        try listed.verify(bytes, subject: role, clause: "5.6.2")
        // 5.6.3
        let envelope = try Envelope(parsing: bytes, subject: role)
        let (keys, speakers) = try speakers(for: role, delegator: delegator)
        try envelope.verify(speakers, keys: keys, subject: role, by: delegator, clause: "5.6.3")
        let next = try Targets(envelope.signed, subject: role)
        // 5.6.4
        guard next.header.version == listed.version else {
            throw ChannelError(
                .mismatch, role, "version \(next.header.version), but snapshot says \(listed.version)",
                clause: "5.6.4")
        }
        // 5.6.5
        try checkNotExpired(next.header, role, clause: "5.6.5")
        targets[key: role] = next
        vouched[key: role, default: [:]][key: delegator] = true
    }

    /// The metadata of a role if it was verified against the keys of this delegator.
    public func verifiedTargets(_ role: String, delegator: String) -> Targets? {
        vouched[key: role]?[key: delegator] == true ? targets[key: role] : nil
    }

    /// What snapshot says of a targets role.
    func metaFile(of role: String) throws(ChannelError) -> MetaFile {
        guard let snapshot else { throw ChannelError(.order, role, "targets need snapshot first") }
        return try metaFile(of: role, in: snapshot)
    }
}

extension TrustedMetadataSet {
    private func metaFile(of role: String, in snapshot: Snapshot) throws(ChannelError) -> MetaFile {
        guard let file = snapshot.meta[key: role + ".json"] else {
            throw ChannelError(.mismatch, role, "snapshot doesn't list it", clause: "5.6.2")
        }
        return file
    }

    /// The keys that a delegator lists, and which of them speak for a role.
    private func speakers(
        for role: String, delegator: String
    ) throws(ChannelError) -> (ByteMap<PublicKey>, RoleKeys) {
        if sameBytes(delegator, Root.type), sameBytes(role, Targets.type) {
            return (root.keys, root.role(Targets.type))
        }
        guard let parent = targets[key: delegator] else {
            throw ChannelError(.order, role, "its delegator \(delegator) must be loaded first")
        }
        guard let delegations = parent.delegations, let keys = delegations.role(role) else {
            throw ChannelError(.signatures, role, "\(delegator) doesn't delegate to it", clause: "5.6.3")
        }
        return (delegations.keys, keys)
    }

    /// Parses and verifies a role that root speaks about.
    private func load<Kind: MetadataKind>(
        _ bytes: [UInt8], _ role: String, clause: String
    ) throws(ChannelError) -> Kind {
        let envelope = try Envelope(parsing: bytes, subject: role)
        try envelope.verify(
            root.role(role), keys: root.keys, subject: role, by: "root version \(root.header.version)",
            clause: clause)
        return try Kind(envelope.signed, subject: role)
    }

    /// 5.4.3: makes a verified timestamp the trusted one, unless it or its snapshot is older.
    mutating func place(_ next: Timestamp) throws(ChannelError) {
        if let timestamp {
            // 5.4.3.1
            guard next.header.version >= timestamp.header.version else {
                throw ChannelError(
                    .rollback, Timestamp.type,
                    "version \(next.header.version) offered, \(timestamp.header.version) seen before",
                    clause: "5.4.3.1")
            }
            // 5.4.3.2
            guard next.snapshot.version >= timestamp.snapshot.version else {
                throw ChannelError(
                    .rollback, Timestamp.type,
                    "snapshot \(next.snapshot.version) offered, \(timestamp.snapshot.version) seen before",
                    clause: "5.4.3.2")
            }
        }
        timestamp = next
    }

    private func checkNotExpired(
        _ header: Header, _ role: String, clause: String
    ) throws(ChannelError) {
        guard !header.isExpired(at: referenceTime) else {
            throw ChannelError(
                .expired, role, "version \(header.version) expired at \(header.expires)", clause: clause)
        }
    }

    /// Refuses to build upon a timestamp that has expired (5.4.4).
    private func checkTimestampIsFinal() throws(ChannelError) {
        guard let timestamp else { return }
        try checkNotExpired(timestamp.header, Timestamp.type, clause: "5.4.4")
    }

    /// Refuses to build upon a snapshot that has expired or isn't timestamp's (5.5.4, 5.5.6).
    private func checkSnapshotIsFinal() throws(ChannelError) {
        guard let timestamp, let snapshot else { return }
        try checkNotExpired(snapshot.header, Snapshot.type, clause: "5.5.6")
        guard snapshot.header.version == timestamp.snapshot.version else {
            throw ChannelError(
                .mismatch, Snapshot.type,
                "version \(snapshot.header.version), but timestamp says \(timestamp.snapshot.version)",
                clause: "5.5.4")
        }
    }

    /// 5.5.5: nothing disappears, nothing gets older.
    private func checkNoRollback(from old: Snapshot, to new: Snapshot) throws(ChannelError) {
        for entry in old.meta.entries {
            guard let file = new.meta[key: entry.key] else {
                throw ChannelError(.rollback, Snapshot.type, "\(entry.key) has disappeared", clause: "5.5.5")
            }
            guard file.version >= entry.value.version else {
                throw ChannelError(
                    .rollback, Snapshot.type,
                    "\(entry.key) version \(file.version) offered, \(entry.value.version) seen before",
                    clause: "5.5.5")
            }
        }
    }
}

extension ByteMap {
    /// The value under a key, or a default to start from.
    subscript(key key: String, default fallback: Value) -> Value {
        get { self[key: key] ?? fallback }
        set { self[key: key] = newValue }
    }
}
