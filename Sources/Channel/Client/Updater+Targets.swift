import Crypto

extension Updater {
    /// Finds what the channel says of a path, or `nil` if no trusted role lists it (5.6.7).
    ///
    /// Preorder, depth first, in the order in which roles are listed: the most trusted answer wins. Every role
    /// is visited once, and only so many of them. A terminating delegation that covers the path ends the
    /// search behind it, found or not. Metadata of delegated roles is fetched on the way.
    public func target(_ path: String) throws(ChannelError) -> TargetFile? {
        try refresh()
        var visited: ByteMap<Bool> = [:]
        var stack = [(role: Targets.type, delegator: Root.type)]
        while let (role, delegator) = stack.popLast(), visited.count <= settings.maximumDelegations {
            // 5.6.7.1
            guard visited[key: role] == nil else { continue }
            let metadata = try targets(role, delegator: delegator)
            if let file = metadata.files[key: path] { return file }
            visited[key: role] = true
            // 5.6.7.2
            var children: [(role: String, delegator: String)] = []
            for (name, isTerminating) in metadata.delegations?.roles(for: path) ?? [] {
                children.append((name, role))
                if isTerminating {
                    stack = []
                    break
                }
            }
            stack.append(contentsOf: children.reversed())
        }
        return nil
    }

    /// Loads every role that can be reached, and lists all files that a search would find, in path order.
    ///
    /// Costs one request per role that isn't stored; ``target(_:)`` is cheaper for one path.
    public func allTargets() throws(ChannelError) -> [TargetFile] {
        try refresh()
        var visited: ByteMap<Bool> = [:]
        var candidates: ByteMap<Bool> = [:]
        var stack = [(role: Targets.type, delegator: Root.type)]
        while let (role, delegator) = stack.popLast() {
            guard visited[key: role] == nil else { continue }
            visited[key: role] = true
            let metadata = try targets(role, delegator: delegator)
            candidates.merge(metadata.files.keys.map { .init(key: $0, value: true) })
            stack.append(contentsOf: children(of: metadata).reversed().map { ($0, role) })
        }
        return candidates.keys.compactMap { trusted.search($0) }
    }

    /// The names of all roles that this one delegates to and that snapshot lists.
    private func children(of metadata: Targets) -> [String] {
        switch metadata.delegations?.form {
        case nil: []
        case .roles(let roles): roles.map(\.name)
        case .bins(let bins):
            (trusted.snapshot?.meta.keys ?? []).map { String($0.dropLast(5)) }.filter { bins.contains($0) }
        }
    }

    /// Where in a folder a target is kept: its path, percent-encoded into one name.
    ///
    /// One flat name can't climb out of the folder, whatever the path says: it holds no `/`, doesn't begin
    /// with a dot, and a path too long for a file name becomes its SHA-256.
    public static func localName(of path: String) -> String {
        let name = PercentEncoding.encode(path)
        guard name.utf8.count <= 200 else { return "long-" + Hex.encode(SHA256.hash(data: Array(path.utf8))) }
        return name.hasPrefix(".") ? "%2E" + name.dropFirst() : name
    }

    /// The path of an earlier download in `folder` that is still the file that was signed.
    public func cachedTarget(_ target: TargetFile, in folder: String) -> String? {
        let path = "\(folder)/\(Self.localName(of: target.path))"
        guard Files.length(path) == target.length,
            var check = try? HashCheck(target.hashes, subject: target.path, clause: "5.7.3"),
            (try? Files.forEachPiece(of: path, { check.update($0) })) != nil, check.matches()
        else { return nil }
        return path
    }

    /// Fetches a target into a folder, unless it is there already (5.7.3).
    ///
    /// The file takes its name only after length and hashes were found right.
    /// - Parameter isDurable: whether to wait for the disk; `false` if the caller does so for many at once.
    /// - Returns: its path.
    public func download(
        _ target: TargetFile, into folder: String, isDurable: Bool = true
    ) throws(ChannelError) -> String {
        if let path = cachedTarget(target, in: folder) { return path }
        guard let targetsAddress else {
            throw ChannelError(.order, target.path, "no address for target files was given")
        }
        try Files.makeFolder(folder)
        let path = "\(folder)/\(Self.localName(of: target.path))"
        let file = try TemporaryFile(beside: path)
        var check = try TargetCheck(target)
        let address = targetsAddress + PercentEncoding.encode(remoteName(of: target), keepsSlash: true)
        try fetch(address, limits: TransferLimits(maximumLength: target.length)) { piece throws(ChannelError) in
            try check.take(piece)
            try file.append(piece)
        }
        try check.finish()
        try file.take(name: path, isDurable: isDurable)
        return path
    }

    /// The name on the server: with the hash before the last component if the channel writes it so (6.2).
    private func remoteName(of target: TargetFile) -> String {
        let digests = target.hashes.digests
        guard trusted.root.consistentSnapshot,
            let hash = HashCheck.preferredDigest(in: digests)
        else { return target.path }
        guard let slash = target.path.lastIndex(of: "/") else { return "\(hash).\(target.path)" }
        return "\(target.path[...slash])\(hash).\(target.path[target.path.index(after: slash)...])"
    }
}

extension TrustedMetadataSet {
    /// The search of 5.6.7 over what is loaded already, without a limit on visits.
    func search(_ path: String) -> TargetFile? {
        var visited: ByteMap<Bool> = [:]
        var stack = [(role: Targets.type, delegator: Root.type)]
        while let (role, delegator) = stack.popLast() {
            guard visited[key: role] == nil, let metadata = verifiedTargets(role, delegator: delegator) else {
                continue
            }
            if let file = metadata.files[key: path] { return file }
            visited[key: role] = true
            let next = metadata.delegations?.roles(for: path) ?? []
            let reached = next.prefix((next.firstIndex { $0.isTerminating } ?? next.count - 1) + 1)
            if reached.last?.isTerminating == true { stack = [] }
            stack.append(contentsOf: reached.reversed().map { ($0.name, role) })
        }
        return nil
    }
}
