// A mirror is a copy that can be served like the original, and be mirrored itself. It holds no key and needs no
// trust: clients verify what it serves as if it came from the publisher. What it promises is not to serve
// anything unverified or incomplete:
//
//   1. refresh the metadata into a private store (the client's own workflow, every check included);
//   2. list what the channel's roles say; what isn't here yet is fetched, several at a time, each verified
//      before it takes its name; a content that is here under another path becomes a second name of it;
//   3. force all that to the disk; then place roots, roles and snapshot under their versioned names;
//   4. replace timestamp.json: from here on clients see the new state, and every file of it is here.
//
// So a mirror that is killed at any instant serves the old state whole, and the next run fetches only what is
// still missing: at most the files that were on their way are fetched a second time.

/// A copy of a channel in a folder.
public struct Mirror: Sendable {
    let layout: RepositoryLayout
    private let privateFolder: String

    /// Uses (or begins) a mirror in a folder.
    public init(folder: String) {
        layout = RepositoryLayout(folder: folder)
        privateFolder = "\(folder)/.mirror"
    }

    /// The verified metadata that the mirror works from.
    public var store: MetadataStore { MetadataStore(folder: "\(privateFolder)/metadata") }
    /// Whether it knows a root to start from.
    public var hasRoot: Bool {
        get throws(ChannelError) { try store.load(Root.type, limit: 1 << 28) != nil }
    }
    /// There while a run goes on, and after one that didn't end.
    private var runningPath: String { "\(privateFolder)/running" }
    private var statusPath: String { "\(privateFolder)/status.json" }

    /// How to run.
    public struct Options: Sendable {
        /// Files that are fetched at the same time.
        public var parallel = 4
        /// Only target paths that begin with one of these; all if empty.
        public var prefixes: [String] = []
        /// Fetch metadata only; files come when a client asks for them.
        public var isCache = false
        /// What the client part puts up with.
        public var settings = UpdaterSettings()

        /// All files, four at a time.
        public init() {}

        func wants(_ path: String) -> Bool {
            !isCache && (prefixes.isEmpty || prefixes.contains { path.hasPrefix($0) })
        }
    }

    /// What the last run left.
    public func status() throws(ChannelError) -> MirrorStatus {
        guard let bytes = try Files.read(statusPath, limit: 1 << 26) else { return MirrorStatus() }
        return MirrorStatus(try JSON.parse(bytes, subject: statusPath))
    }

    /// Brings the mirror in step.
    /// - Parameters:
    ///   - address: of the channel: `ADDRESS/metadata` and `ADDRESS/targets` are asked for.
    ///   - announce: told what would be done before anything is fetched; `false` ends the run there.
    /// - Returns: the new status; files that failed are in its errors, and don't stop the rest.
    /// - Throws: if the metadata can't be had or verified, or there is no room; the old state stays.
    public func synchronise(
        from address: String, fetcher: any Fetcher & Sendable, options: Options = Options(),
        at time: UTCTime = .now(), announce: (MirrorForecast) -> Bool = { _ in true }
    ) throws(ChannelError) -> MirrorStatus {
        let address = address.hasSuffix("/") ? String(address.dropLast()) : address
        try Files.makeFolder(privateFolder)
        try Files.makeFolder(layout.metadata)
        try Files.makeFolder(layout.targets)
        let lock = try FolderLock(folder: privateFolder)
        defer { withExtendedLifetime(lock) {} }
        var status = try status()
        status.errors = [:]
        status.bytesNeeded = nil
        status.address = address
        do throws(ChannelError) {
            let updater = try Updater(
                store: store, metadataAddress: "\(address)/metadata", targetsAddress: "\(address)/targets",
                fetcher: fetcher, settings: options.settings, at: time)
            let wasInterrupted = Files.length(runningPath) != nil
            let plan = try plan(updater, options, reads: wasInterrupted)
            let forecast = try forecast(plan, status)
            guard announce(forecast) else { return status }
            guard forecast.fits else {
                status.bytesNeeded = plan.bytesToFetch
                throw ChannelError(
                    .file, layout.folder,
                    "\(plan.bytesToFetch) bytes are needed, and \(MirrorForecast.reserve) to spare; "
                        + "\(forecast.bytesFree) are free")
            }
            if wasInterrupted { try Files.removeLeavings(under: layout.folder) }
            try Files.replace(runningPath, with: Array("\(time)".utf8))
            let fetch = MirrorFetch(plan: plan, layout: layout, address: "\(address)/targets/", fetcher: fetcher)
            status.errors = fetch.run(parallel: options.parallel)
            try publish(updater, fetcher: fetcher, address: address)
            try Files.remove(runningPath)
            status.state = status.errors.isEmpty ? .synced : .failed
            status.timestampVersion = updater.trusted.timestamp?.header.version ?? 0
            status.expires = updater.trusted.timestamp?.header.expires
            status.files = plan.items.count - status.errors.count
            status.bytes = plan.bytesTotal
            status.history = Array((status.history + [(time, plan.bytesTotal)]).suffix(60))
        } catch {
            status.state = .failed
            status.errors[key: error.subject] = error.what
            status.time = time
            try Files.replace(statusPath, with: status.json.compactBytes)
            throw error
        }
        status.time = time
        try Files.replace(statusPath, with: status.json.compactBytes)
        return status
    }

    private func forecast(_ plan: MirrorPlan, _ status: MirrorStatus) throws(ChannelError) -> MirrorForecast {
        MirrorForecast(
            missingFiles: plan.missing.count, bytesToFetch: plan.bytesToFetch,
            bytesFree: try Files.freeBytes(under: layout.folder), bytesTotal: plan.bytesTotal,
            growthPerDay: status.growthPerDay)
    }

    private func plan(
        _ updater: Updater, _ options: Options, reads: Bool
    ) throws(ChannelError) -> MirrorPlan {
        let all = try updater.allTargets()
        try check(options.prefixes, all, updater)
        let targets = all.filter { options.wants($0.path) }
        var items: [MirrorPlan.Item] = []
        for target in targets {
            guard let digest = HashCheck.preferredDigest(in: target.hashes.digests),
                RepositoryLayout.isServable(target.path)
            else { continue }
            let name =
                updater.trusted.root.consistentSnapshot
                ? layout.target(target.path, sha256: digest) : "\(layout.targets)/\(target.path)"
            items.append(MirrorPlan.Item(target: target, digest: digest, place: name))
        }
        return MirrorPlan(items: items, reads: reads)
    }

    /// Refuses a choice that the channel has nothing of and no role for: the mirror would be in step, and empty.
    private func check(_ prefixes: [String], _ all: [TargetFile], _ updater: Updater) throws(ChannelError) {
        let families = updater.trusted.targets.keys.compactMap { Updater.family(ofRole: $0)?.path }
        for prefix in prefixes where !families.contains(where: { "\($0)/" == prefix }) {
            guard !all.contains(where: { $0.path.hasPrefix(prefix) }) else { continue }
            let known = families.isEmpty ? "none yet" : families.joined(separator: ", ")
            throw ChannelError(
                .noTarget, String(prefix.dropLast()), "the channel has no such family; it has: \(known)",
                remedy: "Give one of those with --only, or mirror all.")
        }
    }
}
