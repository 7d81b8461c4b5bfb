extension Repository {
    /// What a bundle shall carry.
    public struct BundleRequest: Sendable {
        /// Families; all if empty.
        public var families: [Family] = []
        /// Seconds for which the bundle may be used.
        public var validSeconds: Int64 = 180 * 86_400

        /// Everything, for 180 days.
        public init() {}
    }

    /// Writes one file with all that a machine or a mirror needs without a network.
    ///
    /// Inside: `seal.json` first, then `metadata/` (all roots, timestamp, snapshot, the roles that are needed),
    /// then `targets/SHA256`, each content once. A bundle without updates is valid; it says "nothing yet".
    /// - Parameter keys: holds the keys of the timestamp role, which seal it.
    /// - Returns: how many target files it carries.
    public func export(
        _ request: BundleRequest, to path: String, keys: KeyRing, at time: UTCTime = .now()
    ) throws(ChannelError) -> Int {
        let lock = try FolderLock(folder: layout.folder)
        defer { withExtendedLifetime(lock) {} }
        // What has expired now would make a bundle that nobody accepts.
        let trusted = try load(at: time).trusted
        guard let timestamp = trusted.timestamp else { throw ChannelError(.file, layout.timestamp, "missing") }
        let seal = BundleSeal(
            header: sealHeader(
                timestamp, until: time.adding(seconds: min(request.validSeconds, BundleSeal.longestLife))),
            created: time,
            snapshot: timestamp.snapshot, families: request.families.map(\.path))
        var envelope = try Envelope(signing: seal.json, subject: "bundle")
        let speakers = trusted.root.role(Timestamp.type)
        for key in keys.keys(of: speakers.keyIDs) { try envelope.sign(with: key) }
        guard envelope.validSignatures(of: speakers, keys: trusted.root.keys) >= speakers.threshold else {
            throw ChannelError(.key, "bundle", "the keys of the timestamp role must seal it, and aren't at hand")
        }
        let tape = try TapeWriter(beside: path, time: time)
        try tape.add("seal.json", envelope.fileBytes)
        let wanted = try addMetadata(of: trusted, for: request.families, to: tape)
        var written: ByteMap<Bool> = [:]
        for file in wanted {
            guard let digest = HashCheck.preferredDigest(in: file.hashes.digests), written[key: digest] == nil
            else { continue }
            written[key: digest] = true
            try tape.add(
                "targets/\(digest)", from: layout.target(file.path, sha256: digest), length: file.length)
        }
        try tape.finish(name: path)
        return written.count
    }

    private func sealHeader(_ timestamp: Timestamp, until expires: UTCTime) -> Header {
        Header(version: timestamp.header.version, expires: expires)
    }

    /// Adds roots, timestamp, snapshot and roles; returns the files that the roles list.
    private func addMetadata(
        of trusted: TrustedMetadataSet, for families: [Family], to tape: TapeWriter
    ) throws(ChannelError) -> [TargetFile] {
        for version in 1...trusted.root.header.version {
            try tape.add("metadata/\(version).root.json", try required(layout.file(Root.type, version)))
        }
        try tape.add("metadata/timestamp.json", try required(layout.timestamp))
        var names = [(Snapshot.type, trusted.snapshot?.header.version ?? 0)]
        let chosen = families.map(\.role)
        var files: [TargetFile] = []
        for entry in trusted.targets.entries {
            let isNeeded =
                chosen.isEmpty || sameBytes(entry.key, Targets.type) || entry.key.hasPrefix("ring.")
                || chosen.contains { sameBytes($0, entry.key) }
            guard isNeeded else { continue }
            names.append((entry.key, entry.value.header.version))
            files += entry.value.files.values
        }
        for (role, version) in names {
            try tape.add("metadata/\(version).\(role).json", try required(layout.file(role, version)))
        }
        return files
    }
}
