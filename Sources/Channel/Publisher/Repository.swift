// Publishing, so that no reader ever sees half of it, and no writer loses another's work.
//
//   1. take the channel's lock (one publisher at a time; the kernel frees it if we die);
//   2. read what is published, *verifying every signature*: a file that somebody put on the server must not
//      be carried into the next signed version;
//   3. edit in memory; sign every role that changed; verify the result with the client's own rules;
//   4. write target files, then N.role.json, then N.snapshot.json: all under new names, nothing refers to them;
//      force all that to the disk;
//   5. replace timestamp.json in one step. This is the moment of publication.
//
// A crash before 5 leaves the old channel whole, plus files that nobody refers to; the next publication takes
// the same version numbers and replaces them. Two publishers with a copy each is not supported: there is one
// folder that is written, and mirrors.
//
// Root changes are published in three: first everything, signed by the old *and* the new keys at hand; then
// N.root.json; then a timestamp by the new keys only. So a reader finds valid signatures between any two.

/// A published channel in a folder, seen by its publisher.
public struct Repository: Sendable {
    let layout: RepositoryLayout

    /// Uses the channel in a folder.
    public init(folder: String) { layout = RepositoryLayout(folder: folder) }

    /// What a publication did.
    public struct Publication: Sendable, Equatable {
        /// Roles that have a new version, `snapshot` and `timestamp` not listed.
        public var roles: [String]
        /// The version of snapshot that is now current.
        public var snapshotVersion: Int
        /// The version of timestamp that is now current.
        public var timestampVersion: Int
    }

    /// Makes a new channel without updates.
    /// - Parameters:
    ///   - roots: who speaks for root, and how many must.
    ///   - keys: holds the private keys of all four roles.
    public static func create(
        folder: String, root: RoleKeys, targets: RoleKeys, snapshot: RoleKeys, timestamp: RoleKeys,
        keys: KeyRing, settings: PublisherSettings = PublisherSettings(), at time: UTCTime = .now()
    ) throws(ChannelError) -> Repository {
        let repository = Repository(folder: folder)
        let layout = repository.layout
        try Files.makeFolder(layout.metadata)
        try Files.makeFolder(layout.targets)
        let lock = try FolderLock(folder: folder)
        defer { withExtendedLifetime(lock) {} }
        guard Files.length(layout.timestamp) == nil else {
            throw ChannelError(.file, folder, "there is a channel already")
        }
        var first = Root(header: Header(version: 1, expires: time.adding(seconds: settings.rootSeconds)))
        first.roles = ["root": root, "targets": targets, "snapshot": snapshot, "timestamp": timestamp]
        for entry in first.roles.entries {
            for key in keys.publicKeys where entry.value.keyIDs.contains(where: { sameBytes($0, key.id) }) {
                first.keys[key: key.id] = key
            }
        }
        var settings = settings
        if settings.familyKeys.isEmpty { settings.familyKeys = targets.keyIDs }
        try Files.replace(layout.settings, with: settings.json.compactBytes)
        let rootBytes = try first.file(signedBy: keys.keys(of: root.keyIDs))
        let set = try TrustedMetadataSet(root: rootBytes, at: time)
        let draft = RepositoryDraft(
            layout: layout, settings: settings, time: time,
            targets: ["targets": Targets(header: Header(version: 0, expires: time))], knownKeys: first.keys)
        try Files.replace(layout.file(Root.type, 1), with: rootBytes)
        _ = try repository.write(draft, over: State(trusted: set), roles: ["targets"], root: nil, keys: keys)
        return repository
    }

    /// Changes what is published.
    /// - Parameters:
    ///   - keys: holds the keys of the roles that change, of snapshot and of timestamp.
    ///   - change: edits the draft; what it throws gives everything up.
    /// - Returns: `nil` if the change changes nothing and nothing is near its expiry.
    public func publish(
        keys: KeyRing, at time: UTCTime = .now(),
        _ change: (inout RepositoryDraft) throws(ChannelError) -> Void = { _ in }
    ) throws(ChannelError) -> Publication? {
        let lock = try FolderLock(folder: layout.folder)
        defer { withExtendedLifetime(lock) {} }
        let state = try load()
        var draft = try draft(of: state, keys: keys, time: time)
        try change(&draft)
        draft.settle()
        let roles = rolesToSign(draft, state)
        guard !roles.isEmpty || isStale(state, draft) else { return nil }
        return try write(draft, over: state, roles: roles, root: nil, keys: keys)
    }

    /// Publishes a new timestamp for the present snapshot: all that the online key ever does.
    public func renewTimestamp(keys: KeyRing, at time: UTCTime = .now()) throws(ChannelError) -> Publication {
        let lock = try FolderLock(folder: layout.folder)
        defer { withExtendedLifetime(lock) {} }
        return try renewTimestamp(of: try load(), keys: keys, time: time)
    }
}

extension Repository {
    /// What is published: verified metadata, with one moment in the past so that nothing has expired.
    struct State {
        var trusted: TrustedMetadataSet
        var snapshot: Snapshot? { trusted.snapshot }
        var timestamp: Timestamp? { trusted.timestamp }
    }

    /// The settings of this channel.
    public func settings() throws(ChannelError) -> PublisherSettings {
        guard let bytes = try Files.read(layout.settings, limit: 1 << 20) else { return PublisherSettings() }
        return try PublisherSettings(try JSON.parse(bytes, subject: layout.settings), subject: layout.settings)
    }

    /// Reads and verifies everything that timestamp leads to.
    /// - Parameters:
    ///   - time: for expiries; by default long ago, when nothing had expired.
    ///   - note: takes the error of a bad targets role instead of its being thrown.
    func load(
        at time: UTCTime = UTCTime(seconds: .min), noting note: ((ChannelError) -> Void)? = nil
    ) throws(ChannelError) -> State {
        // From the first root, as the oldest client does: each must follow from the one before.
        var set = try TrustedMetadataSet(root: try required(layout.file(Root.type, 1)), at: time)
        for version in 1..<(try newestRootVersion()) {
            try set.updateRoot(try required(layout.file(Root.type, version + 1)))
        }
        _ = try set.updateTimestamp(try required(layout.timestamp))
        guard let timestamp = set.timestamp else { throw ChannelError(.file, layout.timestamp, "missing") }
        try set.updateSnapshot(try required(layout.file(Snapshot.type, timestamp.snapshot.version)))
        var waiting = [(role: Targets.type, delegator: Root.type)]
        while let (role, delegator) = waiting.popLast() {
            guard set.targets[key: role] == nil else { continue }
            do throws(ChannelError) {
                try load(role, delegator: delegator, into: &set)
            } catch {
                guard let note else { throw error }
                note(error)
            }
            waiting += (set.targets[key: role]?.delegations?.names ?? []).map { ($0, role) }
        }
        return State(trusted: set)
    }

    private func load(
        _ role: String, delegator: String, into set: inout TrustedMetadataSet
    ) throws(ChannelError) {
        guard RepositoryLayout.isServable(role), !role.contains("/") else {
            throw ChannelError(.malformed, role, "not a role name that is served as a file")
        }
        let listed = try set.metaFile(of: role)
        let path = layout.file(role, listed.version)
        try set.updateTargets(try required(path), role: role, delegator: delegator)
    }

    func required(_ path: String) throws(ChannelError) -> [UInt8] {
        guard let bytes = try Files.read(path, limit: 1 << 28) else {
            throw ChannelError(.file, path, "missing; is this the folder of a channel?")
        }
        return bytes
    }

    /// The highest N of an unbroken series 1.root.json … N.root.json.
    func newestRootVersion() throws(ChannelError) -> Int {
        var version = 0
        while Files.length(layout.file(Root.type, version + 1)) != nil { version += 1 }
        guard version > 0 else {
            throw ChannelError(.file, layout.file(Root.type, 1), "missing; is this the folder of a channel?")
        }
        return version
    }

    func draft(of state: State, keys: KeyRing, time: UTCTime) throws(ChannelError) -> RepositoryDraft {
        var known = state.trusted.root.keys
        known.merge(keys.publicKeys.map { .init(key: $0.id, value: $0) })
        return RepositoryDraft(
            layout: layout, settings: try settings(), time: time, targets: state.trusted.targets, knownKeys: known)
    }

    /// Edited roles, and those with less than half of their time left.
    private func rolesToSign(_ draft: RepositoryDraft, _ state: State) -> [String] {
        draft.targets.entries.filter { entry in
            draft.edited[key: entry.key] != nil
                || entry.value.header.expires < draft.time.adding(seconds: draft.settings.targetsSeconds / 2)
        }.map(\.key)
    }

    /// Whether timestamp or snapshot have less than half of their time left.
    private func isStale(_ state: State, _ draft: RepositoryDraft) -> Bool {
        let settings = draft.settings
        let snapshot = state.snapshot?.header.expires ?? draft.time
        let timestamp = state.timestamp?.header.expires ?? draft.time
        return snapshot < draft.time.adding(seconds: settings.snapshotSeconds / 2)
            || timestamp < draft.time.adding(seconds: settings.timestampSeconds / 2)
    }
}

extension Delegations {
    /// The names of all delegated roles; of hash bins all there can be, up to 65,536.
    var names: [String] {
        switch form {
        case .roles(let roles): roles.map(\.name)
        case .bins(let bins): (0..<(UInt32(1) << UInt32(min(bins.bitLength, 16)))).map { bins.name(ofBin: $0) }
        }
    }
}
