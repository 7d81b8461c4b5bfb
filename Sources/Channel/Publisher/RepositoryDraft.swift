import Crypto

/// What a publisher is about to change: all targets roles as they will be, edited in memory.
///
/// Target files are copied into place at once; they carry their hash in their name and nothing refers to them
/// yet, so a publication that is given up leaves nothing that anybody sees.
public struct RepositoryDraft {
    let layout: RepositoryLayout
    /// The settings of this channel.
    public let settings: PublisherSettings
    /// The moment of publication.
    public let time: UTCTime
    /// All targets roles.
    public internal(set) var targets: ByteMap<Targets>
    /// Keys that families may be given.
    let knownKeys: ByteMap<PublicKey>
    /// Roles that were edited.
    private(set) var edited: ByteMap<Bool> = [:]
    /// Files added and not yet in their roles.
    private var pending: [(role: String, file: ByteMap<TargetFile>.Entry)] = []
    /// The update that each of those belongs to, by path.
    private var pendingIDs: [String: String] = [:]
    /// Updates that were taken back, by id, with the reason.
    private var withdrawn: [String: String]

    init(
        layout: RepositoryLayout, settings: PublisherSettings, time: UTCTime, targets: ByteMap<Targets>,
        knownKeys: ByteMap<PublicKey>
    ) {
        self.layout = layout
        self.settings = settings
        self.time = time
        self.targets = targets
        self.knownKeys = knownKeys
        withdrawn = Dictionary(
            targets.values.flatMap(\.withdrawals).map { ($0.id, $0.reason) }, uniquingKeysWith: { $1 })
    }

    /// Adds a file of an update for one build of a family, or replaces it.
    ///
    /// A path that holds another update is taken over only if the new one says that it supersedes that.
    /// - Parameter mayLink: the file is ours and never changes, so it may get a second name instead of a copy.
    /// - Returns: the target path, `kind/name/BUILD-ID/FILE`.
    @discardableResult
    public mutating func add(
        file source: String, family: Family, buildID: String, name: String, _ description: UpdateDescription,
        mayLink: Bool = false
    ) throws(ChannelError) -> String {
        try check(description, family: family, buildID: buildID, name: name)
        try ensure(family)
        let path = Self.place(family, buildID, name)
        var description = description
        // What is published again as it was keeps its date.
        let before = published(path, family)
        description.published = description.published ?? (before?.id == description.id ? before?.published : time)
        try add(file: source, path: path, role: family.role, custom: description.custom, mayLink: mayLink)
        pendingIDs[path] = description.id
        return path
    }

    /// Refuses an update that was taken back, and one whose place belongs to another.
    func check(_ update: UpdateDescription, family: Family, buildID: String, name: String) throws(ChannelError) {
        if let reason = withdrawn[update.id] {
            throw ChannelError(
                .file, update.id, "it was withdrawn (\(reason)), and machines would take it out again",
                remedy: "Add it under another id: --id \(update.id)-2.")
        }
        let path = Self.place(family, buildID, name)
        let holder = pendingIDs[path] ?? published(path, family)?.id
        guard let holder, holder != update.id, !update.supersedes.contains(holder) else { return }
        throw ChannelError(
            .file, path, "it is the place of the update \(holder), which \(update.id) would replace without a word",
            remedy: "Add \(update.id) again, with --supersedes \(holder) or from a file of another name.")
    }

    /// Where a file of an update is among the targets.
    private static func place(_ family: Family, _ buildID: String, _ name: String) -> String {
        "\(family.path)/\(buildID)/\(name)"
    }

    private func published(_ path: String, _ family: Family) -> UpdateDescription? {
        targets[key: family.role]?.files[key: path].flatMap { UpdateDescription(custom: $0.custom) }
    }

    /// Adds a file under any path to a role, or replaces it; nothing changes if it is there as it is.
    public mutating func add(
        file source: String, path: String, role: String, custom: JSON?, mayLink: Bool = false
    ) throws(ChannelError) {
        guard RepositoryLayout.isServable(path) else {
            throw ChannelError(.malformed, path, "not a path that web servers can serve")
        }
        let target = TargetFile(
            path: path, length: 0, hashes: FileHashes(digests: [:]), custom: custom)
        let described = try bring(source, as: target, mayLink: mayLink)
        guard targets[key: role]?.files[key: path] != described else { return }
        pending.append((role, .init(key: path, value: described)))
        edited[key: role] = true
    }

    /// Edits a role by hand.
    public mutating func edit(
        _ role: String, _ change: (inout Targets) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        settle()
        guard var metadata = targets[key: role] else { throw ChannelError(.noTarget, role, "no such role") }
        try change(&metadata)
        guard metadata != targets[key: role] else { return }
        targets[key: role] = metadata
        edited[key: role] = true
    }

    /// Takes an update back: its files leave all roles, and each role that had it says so.
    /// - Throws: `noTarget` if no role has it.
    public mutating func withdraw(_ id: String, reason: String) throws(ChannelError) {
        settle()
        var isFound = false
        let withdrawal = Withdrawal(id: id, reason: reason, time: time)
        for entry in targets.entries {
            let gone = entry.value.files.entries.filter { UpdateDescription(custom: $0.value.custom)?.id == id }
            guard !gone.isEmpty else { continue }
            isFound = true
            try edit(entry.key) { role throws(ChannelError) in
                for file in gone { role.files[key: file.key] = nil }
                role.withdrawals = role.withdrawals.filter { $0.id != id } + [withdrawal]
            }
            withdrawn[id] = reason
        }
        guard isFound else { throw ChannelError(.noTarget, id, "no update of that name is published") }
    }

    /// Makes sure that a family has a role, delegated by the top-level role.
    public mutating func ensure(_ family: Family) throws(ChannelError) {
        try ensure(role: family.role, scope: family.scope, isTerminating: true)
    }

    /// Makes sure that there is a role of that name, delegated by the top-level role.
    mutating func ensure(
        role name: String, scope: DelegatedRole.Scope, isTerminating: Bool
    ) throws(ChannelError) {
        guard targets[key: name] == nil else { return }
        let keyIDs = settings.familyKeys
        var keys: ByteMap<PublicKey> = [:]
        for id in keyIDs {
            guard let key = knownKeys[key: id] else {
                throw ChannelError(.key, name, "the key \(id) for new roles isn't at hand")
            }
            keys[key: id] = key
        }
        try edit(Targets.type) { top throws(ChannelError) in
            var delegations = top.delegations ?? Delegations()
            guard case .roles(let roles) = delegations.form else {
                throw ChannelError(.order, name, "this channel delegates to hash bins")
            }
            delegations.keys.merge(keys.entries)
            let role = DelegatedRole(
                name: name, keys: RoleKeys(keyIDs: keyIDs, threshold: 1), isTerminating: isTerminating,
                scope: scope)
            delegations.form = .roles(roles + [role])
            top.delegations = delegations
        }
        let header = Header(version: 0, expires: time.adding(seconds: settings.targetsSeconds))
        targets[key: name] = Targets(header: header)
        edited[key: name] = true
    }

    /// Gives a role a new version although its content stays, because its keys change.
    mutating func markEdited(_ role: String) { edited[key: role] = true }

    /// Puts the files added so far into their roles: all at once, because one by one is quadratic.
    mutating func settle() {
        for (role, files) in Dictionary(grouping: pending, by: \.role) {
            targets[key: role]?.files.merge(files.map(\.file))
        }
        pending = []
        pendingIDs = [:]
    }

    /// Brings a file to where it will be served, and completes its description.
    private func bring(
        _ source: String, as target: TargetFile, mayLink: Bool
    ) throws(ChannelError) -> TargetFile {
        guard let digest = try Files.sha256(source), let length = Files.length(source) else {
            throw ChannelError(.notFound, source, "no such file")
        }
        let place = layout.target(target.path, sha256: digest)
        let described = TargetFile(
            path: target.path, length: length, hashes: FileHashes(digests: ["sha256": digest]),
            custom: target.custom)
        // What is there may be the leaving of a power cut, so it is read and not only measured.
        if try Files.sha256(place) == digest { return described }
        try Files.makeFolder(Files.folder(of: place))
        if mayLink {
            try Files.remove(place)
            if Files.link(source, as: place) { return described }
        }
        let copy = try TemporaryFile(beside: place)
        var again = SHA256()
        var copied = 0
        try Files.forEachPiece(of: source) { piece throws(ChannelError) in
            again.update(data: piece)
            copied += piece.count
            try copy.append(piece)
        }
        guard copied == length, Hex.encode(again.finalize()) == digest else {
            throw ChannelError(.file, source, "changed while it was read")
        }
        try copy.take(name: place, isDurable: false)
        return described
    }
}
