/// A root with enough signatures to follow the one before.
struct SignedRoot {
    let root: Root
    let bytes: [UInt8]
}

extension Repository {
    /// The next root, with a change, not signed: to be carried to where the root keys are.
    ///
    /// Sign it with ``sign(_:with:)`` as often as root's threshold asks, on as many machines; then
    /// ``adoptRoot(_:keys:at:)``.
    public func draftRoot(
        at time: UTCTime = .now(), _ change: (inout Root) throws(ChannelError) -> Void
    ) throws(ChannelError) -> [UInt8] {
        var root = try load().trusted.root
        root.header = Header(
            version: root.header.version + 1, expires: time.adding(seconds: try settings().rootSeconds))
        try change(&root)
        return try root.file(signedBy: [])
    }

    /// Adds signatures to a metadata file, keeping those it has.
    public static func sign(_ file: [UInt8], with keys: [PrivateKey]) throws(ChannelError) -> [UInt8] {
        var envelope = try Envelope(parsing: file, subject: "file to sign")
        for key in keys { try envelope.sign(with: key) }
        return envelope.fileBytes
    }

    /// Which keys speak for which role, root's roles first, then the delegated ones in byte order.
    public func speakers() throws(ChannelError) -> [(role: String, keys: RoleKeys)] {
        let trusted = try load().trusted
        let top = Root.topLevelRoles.map { ($0, trusted.root.role($0)) }
        let parents = trusted.targets.values
        return top
            + trusted.targets.keys.filter { !sameBytes($0, Targets.type) }.compactMap { role in
                parents.lazy.compactMap { $0.delegations?.role(role) }.first.map { (role, $0) }
            }
    }

    /// The rings of this channel.
    public func rings() throws(ChannelError) -> [Ring] {
        try draft(of: try load(), keys: KeyRing(), time: .now()).rings
    }

    /// Publishes a signed root, and everything whose keys it changes signed anew.
    public func adoptRoot(
        _ bytes: [UInt8], keys: KeyRing, at time: UTCTime = .now()
    ) throws(ChannelError) -> Publication {
        let lock = try FolderLock(folder: layout.folder)
        defer { withExtendedLifetime(lock) {} }
        let state = try load()
        // Takes the new root by the rules of clients; only timestamp must not be loaded yet for that.
        var check = try TrustedMetadataSet(
            root: try required(layout.file(Root.type, state.trusted.root.header.version)), at: time)
        try check.updateRoot(bytes)
        let next = SignedRoot(root: check.root, bytes: bytes)
        let roles = next.root.role(Targets.type) == state.trusted.root.role(Targets.type) ? [] : [Targets.type]
        return try write(
            try draft(of: state, keys: keys, time: time), over: state, roles: roles, root: next, keys: keys)
    }

    /// Gives a delegated family other keys.
    public func replaceKeys(
        of role: String, with keys: RoleKeys, known: [PublicKey], signing ring: KeyRing, at time: UTCTime = .now()
    ) throws(ChannelError) -> Publication? {
        try publish(keys: ring, at: time) { draft throws(ChannelError) in
            try draft.edit(Targets.type) { top throws(ChannelError) in
                guard var delegations = top.delegations, case .roles(var roles) = delegations.form,
                    let index = roles.firstIndex(where: { sameBytes($0.name, role) })
                else { throw ChannelError(.noTarget, role, "no such role") }
                roles[index].keys = keys
                delegations.keys.merge(known.map { .init(key: $0.id, value: $0) })
                delegations.form = .roles(roles)
                top.delegations = delegations
            }
            draft.markEdited(role)
        }
    }
}
