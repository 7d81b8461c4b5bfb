/// Takes a bundle over into this machine's copy of the channel, by the rules of the network.
///
/// Roots, snapshot and roles go through the same checks; only two moments differ: the seal must be valid *now*,
/// and everything that it holds must have been valid *when it was made*. A bundle older than what this machine
/// has already seen is refused as a rollback.
public struct BundleImport {
    /// What the bundle says of itself.
    public let seal: BundleSeal
    private let updater: Updater

    /// Opens and verifies a bundle; the store then holds its metadata.
    public init(
        _ bundle: BundleFetcher, store: MetadataStore, settings: UpdaterSettings = UpdaterSettings(),
        at now: UTCTime = .now()
    ) throws(ChannelError) {
        let bytes = try bundle.seal()
        let unverified = try Envelope(parsing: bytes, subject: "bundle")
        // Read before it is verified, because its moment is needed to verify it; `refresh(sealedBy:)` does that.
        seal = try BundleSeal(unverified.signed, subject: "bundle")
        updater = try Updater(
            store: store, metadataAddress: "bundle:/metadata", targetsAddress: "bundle:/targets", fetcher: bundle,
            settings: settings, at: seal.created)
        try updater.refresh(sealedBy: bytes, seal, now: now)
    }

    /// All updates that the bundle carries for the families that it is for.
    public func targets() throws(ChannelError) -> [TargetFile] {
        var found: [TargetFile] = []
        for role in updater.trusted.targets.values { found += role.files.values }
        return found.filter { updater.trusted.search($0.path) == $0 }
    }

    /// Takes all target files out into a folder.
    /// - Returns: their paths.
    public func extract(into folder: String) throws(ChannelError) -> [String] {
        var paths: [String] = []
        try Files.makeFolder(folder)
        for target in try targets() {
            paths.append(try updater.download(target, into: folder, isDurable: false))
        }
        try Files.synchroniseAll(under: folder)
        return paths
    }
}

extension Updater {
    /// The refresh of section 5 with a bundle's seal in the place of timestamp.
    func refresh(sealedBy bytes: [UInt8], _ seal: BundleSeal, now: UTCTime) throws(ChannelError) {
        try refreshRoot()
        if let local = try store.load(Timestamp.type, limit: settings.timestampLimit) {
            // For rollback protection only; it may well have expired.
            _ = try? trusted.updateTimestamp(local)
        }
        try trusted.accept(bytes, seal: seal, now: now)
        try refreshSnapshot()
        let top = try targets(Targets.type, delegator: Root.type)
        guard case .roles(let roles)? = top.delegations?.form else { return }
        for role in roles {
            do {
                _ = try targets(role.name, delegator: Targets.type)
            } catch  where error.kind == .notFound {
                // The bundle isn't for this family.
            }
        }
        isRefreshed = true
    }
}
