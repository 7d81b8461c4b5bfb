extension Mirror {
    /// Places the verified metadata where clients look for it, timestamp last.
    func publish(
        _ updater: Updater, fetcher: any Fetcher, address: String
    ) throws(ChannelError) {
        try Files.synchroniseAll(under: layout.folder)
        let trusted = updater.trusted
        try placeRoots(trusted.root, updater, fetcher: fetcher, address: address)
        for entry in trusted.targets.entries {
            try place(entry.key, version: trusted.root.consistentSnapshot ? entry.value.header.version : nil)
        }
        let snapshotVersion = trusted.snapshot?.header.version
        try place(Snapshot.type, version: trusted.root.consistentSnapshot ? snapshotVersion : nil)
        try Files.synchroniseAll(under: layout.folder)
        try place(Timestamp.type, version: nil)
    }

    /// Puts one role's stored bytes where they are served.
    private func place(_ role: String, version: Int?) throws(ChannelError) {
        guard RepositoryLayout.isServable(role) else {
            throw ChannelError(.malformed, role, "not a role name that is served as a file")
        }
        guard let bytes = try store.load(role, limit: 1 << 28) else {
            throw ChannelError(.file, role, "verified, but not in the mirror's store")
        }
        let path = version.map { layout.file(role, $0) } ?? "\(layout.metadata)/\(role).json"
        if try Files.read(path, limit: bytes.count + 1) == bytes { return }
        try Files.makeFolder(Files.folder(of: path))
        try Files.replace(path, with: bytes)
    }

    /// All roots from the first: a client that starts from an old one must find the next.
    ///
    /// Those before the mirror's own start are fetched, and taken only if they lead to the trusted ones.
    private func placeRoots(
        _ root: Root, _ updater: Updater, fetcher: any Fetcher, address: String
    ) throws(ChannelError) {
        for version in stride(from: root.header.version, through: 1, by: -1) {
            let path = layout.file(Root.type, version)
            if Files.length(path) != nil { continue }
            let limit = updater.settings.rootLimit
            if let bytes = try store.loadRoot(version: version, limit: limit) {
                try Files.replace(path, with: bytes)
                continue
            }
            guard let later = try Files.read(layout.file(Root.type, version + 1), limit: limit) else { return }
            let earlier: [UInt8]
            do {
                earlier = try fetcher.bytes(
                    at: "\(address)/metadata/\(version).root.json", maximumLength: limit)
            } catch  where error.kind == .notFound {
                return
            }
            var chain = try TrustedMetadataSet(root: earlier, at: updater.trusted.referenceTime)
            try chain.updateRoot(later)
            try Files.replace(path, with: earlier)
        }
    }

    /// Removes target files and old metadata that the served state doesn't need.
    /// - Parameter time: metadata files of earlier versions than the served one go too.
    /// - Returns: the paths that were removed.
    public func prune() throws(ChannelError) -> [String] {
        let state = try Repository(folder: layout.folder).load()
        var used: ByteMap<Bool> = [:]
        for role in state.trusted.targets.values {
            for file in role.files.values {
                guard let digest = HashCheck.preferredDigest(in: file.hashes.digests) else { continue }
                used[key: layout.target(file.path, sha256: digest)] = true
                used[key: "\(layout.targets)/\(file.path)"] = true
            }
        }
        for entry in state.trusted.targets.entries {
            used[key: layout.file(entry.key, entry.value.header.version)] = true
        }
        used[key: layout.timestamp] = true
        if let version = state.snapshot?.header.version { used[key: layout.file(Snapshot.type, version)] = true }
        var removed: [String] = []
        try prune(layout.targets, keeping: used, &removed) { _ in true }
        try prune(layout.metadata, keeping: used, &removed) { !$0.hasSuffix(".root.json") }
        return removed
    }

    private func prune(
        _ folder: String, keeping used: ByteMap<Bool>, _ removed: inout [String], _ mayGo: (String) -> Bool
    ) throws(ChannelError) {
        for name in try Files.names(in: folder) {
            let path = "\(folder)/\(name)"
            if Files.isFolder(path) {
                try prune(path, keeping: used, &removed, mayGo)
            } else if used[key: path] == nil, mayGo(path) {
                try Files.remove(path)
                removed.append(path)
            }
        }
    }
}
