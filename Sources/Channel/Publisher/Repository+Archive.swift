extension Repository {
    /// Moves updates that others replace into an archive, a channel of its own: still signed, still verifiable.
    ///
    /// They are published there first, and leave this channel afterwards; if we die between the two, they are in both,
    /// and the next run finishes it.
    /// - Returns: the ids that were moved.
    public func archive(
        to archive: Repository, keys: KeyRing, at time: UTCTime = .now()
    ) throws(ChannelError) -> [String] {
        let roles = try load().trusted.targets.entries
        let described = roles.flatMap { role in
            role.value.files.values.compactMap { file in
                UpdateDescription(custom: file.custom).map { (role: role.key, file: file, update: $0) }
            }
        }
        let replaced = Set(described.flatMap(\.update.supersedes))
        let moving = described.filter { replaced.contains($0.update.id) }
        guard !moving.isEmpty else { return [] }
        _ = try archive.publish(keys: keys, at: time) { draft throws(ChannelError) in
            for item in moving {
                let parts = item.file.path.split(separator: "/").map(String.init)
                guard parts.count == 4, let family = Family("\(parts[0])/\(parts[1])"),
                    let digest = item.file.hashes.digests[key: "sha256"]
                else { continue }
                try draft.add(
                    file: layout.target(item.file.path, sha256: digest), family: family, buildID: parts[2],
                    name: parts[3], item.update)
            }
        }
        _ = try publish(keys: keys, at: time) { draft throws(ChannelError) in
            for item in moving {
                try draft.edit(item.role) { role throws(ChannelError) in role.files[key: item.file.path] = nil }
            }
        }
        return Set(moving.map(\.update.id)).sorted()
    }

    /// What the channel offers for some families, verified, with the files' places.
    /// - Parameter families: all if empty.
    public func offer(
        _ families: [Family]
    ) throws(ChannelError) -> (catalogue: Catalogue, files: [(entry: Catalogue.Entry, file: String)]) {
        let trusted = try load().trusted
        var files: [(entry: Catalogue.Entry, file: String)] = []
        for role in trusted.targets.values {
            for target in role.files.values {
                guard let entry = Catalogue.Entry(target, rings: []),
                    families.isEmpty || families.contains(entry.family)
                else { continue }
                files.append((entry, layout.target(target.path, sha256: entry.sha256)))
            }
        }
        let catalogue = Catalogue(
            version: trusted.snapshot?.header.version ?? 0, expires: trusted.timestamp?.header.expires ?? .now(),
            entries: files.map(\.entry), withdrawals: trusted.targets.values.flatMap(\.withdrawals),
            families: families)
        return (catalogue, files)
    }
}
