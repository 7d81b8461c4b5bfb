/// What a client puts up with from a channel.
public struct UpdaterSettings: Sendable, Equatable {
    /// Roots taken in one run, so that a run ends (5.3.9).
    public var maximumRootRotations = 256
    /// Roles visited in the search for one target (5.6.7.1).
    public var maximumDelegations = 128
    /// Bytes of a root file.
    public var rootLimit = 512_000
    /// Bytes of a timestamp file.
    public var timestampLimit = 16_384
    /// Bytes of a snapshot file whose length isn't signed.
    public var snapshotLimit = 4_000_000
    /// Bytes of a targets file whose length isn't signed.
    public var targetsLimit = 20_000_000

    /// The defaults.
    public init() {}
}

/// The client side of a channel: refresh, find a target, fetch it (TUF 5).
///
/// Blocking. One instance is one run of the workflow with one fixed time; make a new one for the next run.
/// All decisions are ``TrustedMetadataSet``'s; this type moves bytes between network, store and it.
public final class Updater {
    private let fetcher: any Fetcher
    let store: MetadataStore
    private let metadataAddress: String
    let targetsAddress: String?
    let settings: UpdaterSettings
    /// What is trusted so far.
    public internal(set) var trusted: TrustedMetadataSet
    var isRefreshed = false

    /// Starts a run from the stored root.
    /// - Parameters:
    ///   - store: this machine's copy.
    ///   - metadataAddress: where the channel's metadata is.
    ///   - targetsAddress: where its files are.
    ///   - fetcher: brings bytes from there.
    ///   - time: the moment that expiries are compared with (5.1).
    public init(
        store: MetadataStore, metadataAddress: String, targetsAddress: String? = nil, fetcher: any Fetcher,
        settings: UpdaterSettings = UpdaterSettings(), at time: UTCTime = .now()
    ) throws(ChannelError) {
        self.store = store
        self.fetcher = fetcher
        self.settings = settings
        self.metadataAddress = Self.slashEnded(metadataAddress)
        self.targetsAddress = targetsAddress.map(Self.slashEnded)
        guard let bytes = try store.load(Root.type, limit: settings.rootLimit) else {
            throw ChannelError(.file, "\(store.folder)/root.json", "there is no trusted root yet", clause: "5.2")
        }
        trusted = try TrustedMetadataSet(root: bytes, at: time)
    }

    /// Makes a root that came by a trusted way the start of all trust.
    public static func initialise(
        _ store: MetadataStore, root bytes: [UInt8], at time: UTCTime = .now()
    ) throws(ChannelError) {
        let set = try TrustedMetadataSet(root: bytes, at: time)
        try store.storeRoot(bytes, version: set.root.header.version)
    }

    /// The same from a file.
    public static func initialise(
        _ store: MetadataStore, rootFile path: String, at time: UTCTime = .now()
    ) throws(ChannelError) {
        guard let bytes = try Files.read(path, limit: UpdaterSettings().rootLimit) else {
            throw ChannelError(.file, path, "no such file")
        }
        do {
            try initialise(store, root: bytes, at: time)
        } catch {
            throw ChannelError(
                error.kind, path, "not the root metadata of a channel: \(error.what)", clause: error.clause,
                remedy: "Get the channel's metadata/1.root.json, or a later one, by a trusted way.")
        }
    }

    /// Brings the top-level metadata up to date (5.3 to 5.6); does nothing the second time.
    ///
    /// Each step's result is stored before the next begins, so a run that fails half-way keeps what it
    /// verified.
    public func refresh() throws(ChannelError) {
        guard !isRefreshed else { return }
        try refreshRoot()
        try refreshTimestamp()
        try refreshSnapshot()
        _ = try targets(Targets.type, delegator: Root.type)
        isRefreshed = true
    }

    /// Asks with one small request whether the channel changed since the last whole refresh.
    ///
    /// The answer is `false` only if the server's timestamp is byte for byte the stored one, and that one is
    /// signed by the stored root's keys and hasn't expired. Publishers sign a new timestamp whenever anything
    /// changes, root included; a whole ``refresh()`` is due now and then all the same, because the
    /// specification asks for the next root each time (5.3.2).
    public func hasNews() throws(ChannelError) -> Bool {
        let remote = try fetcher.bytes(at: address(Timestamp.type, nil), maximumLength: settings.timestampLimit)
        guard let local = try store.load(Timestamp.type, limit: settings.timestampLimit), local == remote else {
            return true
        }
        var check = trusted
        if check.timestamp != nil { return false }
        do {
            _ = try check.updateTimestamp(local)
            return false
        } catch {
            return true
        }
    }

    private static func slashEnded(_ text: String) -> String { text.hasSuffix("/") ? text : text + "/" }

    private func address(_ role: String, _ version: Int?) -> String {
        metadataAddress + (version.map { "\($0)." } ?? "") + PercentEncoding.encode(role) + ".json"
    }

    /// The version for the file name, if this channel writes versions into names (6.2).
    private func named(_ version: Int) -> Int? { trusted.root.consistentSnapshot ? version : nil }
}

extension Updater {
    /// 5.3: step by step from the trusted root to the newest.
    func refreshRoot() throws(ChannelError) {
        for _ in 0..<settings.maximumRootRotations {
            let (version, overflow) = trusted.root.header.version.addingReportingOverflow(1)
            guard !overflow, let bytes = try nextRoot(version) else { return }
            try trusted.updateRoot(bytes)
            // 5.3.8
            try store.storeRoot(bytes, version: version)
        }
    }

    /// The root of a version from the server; `nil` if it has none, and then ours is the newest (5.3.3).
    private func nextRoot(_ version: Int) throws(ChannelError) -> [UInt8]? {
        do {
            return try fetcher.bytes(at: address(Root.type, version), maximumLength: settings.rootLimit)
        } catch  where error.kind == .notFound {
            return nil
        }
    }

    /// 5.4: the local one first, for rollback protection; then the server's.
    private func refreshTimestamp() throws(ChannelError) {
        if let local = try store.load(Timestamp.type, limit: settings.timestampLimit) {
            // Unusable (expired, or signed by keys since revoked) is no error: a newer one follows.
            _ = try? trusted.updateTimestamp(local)
        }
        let bytes = try fetcher.bytes(at: address(Timestamp.type, nil), maximumLength: settings.timestampLimit)
        switch try trusted.updateTimestamp(bytes) {
        case .updated: try store.store(bytes, role: Timestamp.type)
        case .unchanged: break
        }
    }

    /// 5.5: the local one if it is the one that timestamp names; else the server's.
    func refreshSnapshot() throws(ChannelError) {
        if let local = try store.load(Snapshot.type, limit: settings.snapshotLimit),
            (try? trusted.updateSnapshot(local, isLocal: true)) != nil
        {
            return
        }
        guard let listed = trusted.timestamp?.snapshot else { return }
        let limit = min(listed.length ?? settings.snapshotLimit, settings.snapshotLimit)
        let bytes = try fetcher.bytes(
            at: address(Snapshot.type, named(listed.version)), maximumLength: limit)
        try trusted.updateSnapshot(bytes)
        try store.store(bytes, role: Snapshot.type)
    }

    /// 5.6: a targets role, from the store if that is the one that snapshot names; else from the server.
    func targets(_ role: String, delegator: String) throws(ChannelError) -> Targets {
        if let loaded = trusted.verifiedTargets(role, delegator: delegator) { return loaded }
        let listed = try trusted.metaFile(of: role)
        let limit = min(listed.length ?? settings.targetsLimit, settings.targetsLimit)
        if let local = try? store.load(role, limit: limit),
            (try? trusted.updateTargets(local, role: role, delegator: delegator)) != nil,
            let loaded = trusted.verifiedTargets(role, delegator: delegator)
        {
            return loaded
        }
        let bytes = try fetcher.bytes(at: address(role, named(listed.version)), maximumLength: limit)
        try trusted.updateTargets(bytes, role: role, delegator: delegator)
        try store.store(bytes, role: role)
        guard let loaded = trusted.verifiedTargets(role, delegator: delegator) else {
            throw ChannelError(.order, role, "was not kept")
        }
        return loaded
    }

    /// Brings a file with its limits; for the targets part of this type.
    func fetch(
        _ address: String, limits: TransferLimits, _ receive: ([UInt8]) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        try fetcher.fetch(address, limits: limits, receive)
    }
}
