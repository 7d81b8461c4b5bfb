/// Which files a mirror has, which it lacks, and which of those are one content under several paths.
struct MirrorPlan: Sendable {
    struct Item: Sendable {
        let target: TargetFile
        let digest: String
        /// Where it is served from.
        let place: String
    }

    /// Everything that the mirror should hold.
    let items: [Item]
    /// What isn't here, by content; the first of each is fetched, the others become names of it.
    private(set) var missing: [[Item]] = []
    /// Here already, by digest: a source for second names.
    private(set) var present: ByteMap<Item> = [:]
    private(set) var bytesToFetch = 0
    private(set) var bytesTotal = 0

    init(items: [Item]) {
        self.items = items
        var byDigest: [String: [Item]] = [:]
        for item in items { byDigest[item.digest, default: []].append(item) }
        for digest in byDigest.keys.sorted() {
            let same = byDigest[digest] ?? []
            bytesTotal += same.first?.target.length ?? 0
            // A file takes its name only when it is verified, so its length tells enough here; `check` reads all.
            let here = same.filter { Files.length($0.place) == $0.target.length }
            if let first = here.first { present[key: digest] = first }
            let lacking = same.filter { Files.length($0.place) != $0.target.length }
            guard !lacking.isEmpty else { continue }
            missing.append(lacking)
            if here.isEmpty { bytesToFetch += lacking[0].target.length }
        }
    }
}
