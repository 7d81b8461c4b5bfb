extension Mirror {
    /// Brings the mirror in step from a bundle that holds the whole channel.
    ///
    /// The seal is verified for now; everything behind it for the moment when the bundle was made, as an import does.
    /// What is served afterwards is the channel's own metadata of that moment.
    public func take(_ bundle: BundleFetcher, at now: UTCTime = .now()) throws(ChannelError) -> MirrorStatus {
        let seal = try BundleImport(bundle, store: store, at: now).seal
        guard seal.families.isEmpty else {
            throw ChannelError(
                .noTarget, bundle.path, "it holds \(seal.families.joined(separator: ", ")) only; a mirror needs ALL"
            )
        }
        return try synchronise(from: "bundle:", fetcher: bundle, at: seal.created)
    }
}
