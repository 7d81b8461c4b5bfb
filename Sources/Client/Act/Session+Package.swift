public import Channel

// A package of updates carries a catalogue and the files; the archive's signature vouched for it when it was
// installed, as for any package. From there on it is a channel with one label, its own name.
extension Session {
    /// Plans what an installed package of updates brought, and takes its files into this machine's store.
    /// - Parameters:
    ///   - name: the package's name.
    ///   - folder: where it placed its files.
    public func takePackage(_ name: String, _ catalogue: Catalogue, from folder: String) throws(ClientError) -> Plan
    {
        var planner = try planner([name: catalogue])
        planner.configuration.channels = [Configuration.Source(label: name, url: folder, trustedRoot: "")]
        planner.configuration.userChannel = nil
        planner.configuration.kernelChannel = nil
        let plan = planner.upgrade()
        let patches = PatchStore(store.paths)
        for patch in plan.steps.filter({ $0.action == .install }).flatMap(\.update.patches)
        where !patches.has(patch) {
            try patches.take(patch, from: "\(folder)/\(patch.sha256).tsp")
        }
        return plan
    }
}
