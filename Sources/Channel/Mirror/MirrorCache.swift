import Glibc
import Synchronization

/// A mirror that fetches a target file when it is first asked for, and verifies it before anybody gets it.
public final class MirrorCache: Sendable {
    private let mirror: Mirror
    private let address: String
    private let fetcher: any Fetcher & Sendable
    /// What is served, by place; read anew when the served timestamp changes.
    private let listing = Mutex<(timestamp: [UInt8], items: [String: TargetFile])>(([], [:]))
    /// Names being fetched, so that two who ask at once cause one fetch.
    private let running = Mutex<Set<String>>([])

    /// Caches a channel; the mirror's metadata comes from ``Mirror/synchronise(from:fetcher:options:at:announce:)``.
    public init(_ mirror: Mirror, address: String, fetcher: any Fetcher & Sendable) {
        self.mirror = mirror
        self.address = address.hasSuffix("/") ? String(address.dropLast()) : address
        self.fetcher = fetcher
    }

    /// Brings a target file, by its name below `targets/`.
    /// - Returns: whether it is there now; `false` if the channel lists no such file.
    public func bring(_ name: String) throws(ChannelError) -> Bool {
        guard let target = try lookup(name) else { return false }
        while !running.withLock({ $0.insert(name).inserted }) { usleep(20_000) }
        defer { _ = running.withLock { $0.remove(name) } }
        let item = MirrorPlan.Item(target: target, digest: "", place: "\(mirror.layout.targets)/\(name)")
        guard Files.length(item.place) == nil else { return true }
        try Files.makeFolder(Files.folder(of: item.place))
        let plan = MirrorPlan(items: [], reads: false)
        try MirrorFetch(plan: plan, layout: mirror.layout, address: "\(address)/targets/", fetcher: fetcher)
            .fetch(item, isDurable: true)
        return true
    }

    private func lookup(_ name: String) throws(ChannelError) -> TargetFile? {
        let timestamp = try Files.read(mirror.layout.timestamp, limit: 1 << 20) ?? []
        if let known = listing.withLock({ $0.timestamp == timestamp ? $0.items : nil }) { return known[name] }
        // Verified when it was synchronised; read again with the same checks, but for expiries.
        let trusted = try Repository(folder: mirror.layout.folder).load().trusted
        var items: [String: TargetFile] = [:]
        let start = mirror.layout.targets.count + 1
        for role in trusted.targets.values {
            for file in role.files.values {
                guard let digest = HashCheck.preferredDigest(in: file.hashes.digests) else { continue }
                items[String(mirror.layout.target(file.path, sha256: digest).dropFirst(start))] = file
            }
        }
        let found = items
        listing.withLock { $0 = (timestamp, found) }
        return found[name]
    }
}
