extension Repository {
    /// Signs and writes; see the top of Repository.swift for the order and why.
    /// - Parameters:
    ///   - draft: the targets roles as they will be.
    ///   - state: what is published now.
    ///   - roles: the targets roles that get a new version.
    ///   - root: the next root, verified already, if root changes.
    func write(
        _ draft: RepositoryDraft, over state: State, roles: [String], root next: SignedRoot?, keys: KeyRing
    ) throws(ChannelError) -> Publication {
        var work = Signing(state: state, next: next?.root, keys: keys, time: draft.time)
        let settings = draft.settings
        var targets = draft.targets
        var files: [(path: String, bytes: [UInt8])] = []
        var meta = state.snapshot?.meta ?? [:]
        for role in roles {
            guard var metadata = targets[key: role] else { continue }
            metadata.header = Header(
                version: try raised(metadata.header.version, role),
                expires: draft.time.adding(seconds: settings.targetsSeconds))
            targets[key: role] = metadata
        }
        for role in roles {
            guard let metadata = targets[key: role] else { continue }
            let bytes = try work.sign(metadata, role: role, targets: targets)
            meta[key: role + ".json"] = MetaFile(version: metadata.header.version, bytes: bytes)
            files.append((layout.file(role, metadata.header.version), bytes))
        }
        var named = state.timestamp?.snapshot
        // A change of root that leaves snapshot's keys alone needs only the online key.
        let oldSpeakers = state.trusted.root.role(Snapshot.type)
        if !roles.isEmpty || next == nil || next?.root.role(Snapshot.type) != oldSpeakers {
            let snapshot = Snapshot(
                header: Header(
                    version: try raised(state.snapshot?.header.version ?? 0, Snapshot.type),
                    expires: draft.time.adding(seconds: settings.snapshotSeconds)),
                meta: meta)
            let bytes = try work.sign(snapshot)
            files.append((layout.file(Snapshot.type, snapshot.header.version), bytes))
            named = MetaFile(version: snapshot.header.version, bytes: bytes)
        }
        guard let named else { throw ChannelError(.order, Snapshot.type, "there is none") }
        let timestamp = Timestamp(
            header: Header(
                version: try raised(state.timestamp?.header.version ?? 0, Timestamp.type),
                expires: draft.time.adding(seconds: settings.timestampSeconds)),
            snapshot: named)
        let timestampBytes = try work.sign(timestamp)

        for file in files { try writeUndurably(file.path, file.bytes) }
        try Files.synchroniseAll(under: layout.folder)
        try Files.replace(layout.timestamp, with: timestampBytes)
        let publication = Publication(
            roles: roles, snapshotVersion: named.version, timestampVersion: timestamp.header.version)
        guard let next else { return publication }
        try Files.replace(layout.file(Root.type, next.root.header.version), with: next.bytes)
        var last = try renewTimestamp(of: try load(), keys: keys, time: draft.time)
        last.roles = roles
        return last
    }

    /// Replaces only timestamp.json.
    func renewTimestamp(of state: State, keys: KeyRing, time: UTCTime) throws(ChannelError) -> Publication {
        guard let old = state.timestamp else { throw ChannelError(.file, layout.timestamp, "missing") }
        var timestamp = old
        timestamp.header = Header(
            version: try raised(old.header.version, Timestamp.type),
            expires: time.adding(seconds: try settings().timestampSeconds))
        var work = Signing(state: state, next: nil, keys: keys, time: time)
        try Files.replace(layout.timestamp, with: try work.sign(timestamp))
        return Publication(
            roles: [], snapshotVersion: timestamp.snapshot.version, timestampVersion: timestamp.header.version)
    }

    private func writeUndurably(_ path: String, _ bytes: [UInt8]) throws(ChannelError) {
        let file = try TemporaryFile(beside: path)
        try file.append(bytes)
        try file.take(name: path, isDurable: false)
    }

    private func raised(_ version: Int, _ role: String) throws(ChannelError) -> Int {
        let (sum, overflow) = version.addingReportingOverflow(1)
        guard !overflow else { throw ChannelError(.order, role, "no version number is left") }
        return sum
    }
}

/// Signs roles with all keys at hand that speak for them, now or after the change of root, and makes sure
/// that clients will accept the result.
private struct Signing {
    let root: Root
    let old: Root
    let oldTargets: ByteMap<Targets>
    let keys: KeyRing
    let time: UTCTime

    init(state: Repository.State, next: Root?, keys: KeyRing, time: UTCTime) {
        old = state.trusted.root
        root = next ?? state.trusted.root
        oldTargets = state.trusted.targets
        self.keys = keys
        self.time = time
    }

    mutating func sign(_ metadata: some MetadataKind) throws(ChannelError) -> [UInt8] {
        let role = type(of: metadata).type
        let earlier = old.role(role).keyIDs
        return try sign(metadata, role, by: root.role(role), known: root.keys, alsoBy: earlier)
    }

    mutating func sign(
        _ metadata: Targets, role: String, targets: ByteMap<Targets>
    ) throws(ChannelError) -> [UInt8] {
        if sameBytes(role, Targets.type) { return try sign(metadata) }
        // The first delegator is as good as any: all that name the role are checked.
        var bytes: [UInt8] = []
        let earlier = oldTargets.values.compactMap { $0.delegations?.role(role)?.keyIDs }.flatMap { $0 }
        for parent in targets.values {
            guard let delegations = parent.delegations, let speakers = delegations.role(role) else { continue }
            bytes = try sign(metadata, role, by: speakers, known: delegations.keys, alsoBy: earlier)
        }
        guard !bytes.isEmpty else { throw ChannelError(.noTarget, role, "nobody delegates to it") }
        return bytes
    }

    private func sign(
        _ metadata: some MetadataKind, _ role: String, by speakers: RoleKeys, known: ByteMap<PublicKey>,
        alsoBy earlier: [String]
    ) throws(ChannelError) -> [UInt8] {
        var envelope = try Envelope(signing: metadata.json, subject: role)
        for key in keys.keys(of: speakers.keyIDs + earlier) { try envelope.sign(with: key) }
        let valid = envelope.validSignatures(of: speakers, keys: known)
        guard valid >= speakers.threshold else {
            let missing = speakers.keyIDs.map { String($0.prefix(12)) }.joined(separator: ", ")
            throw ChannelError(
                .key, role, "\(speakers.threshold) of the keys \(missing) must sign, \(valid) are at hand")
        }
        return envelope.fileBytes
    }
}
