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

    /// Compares what should be here with what is.
    /// - Parameter reads: whether to read each file instead of only measuring it; needed after a run that
    ///   didn't end, because a power cut may leave a file of the right length and the wrong content.
    init(items: [Item], reads: Bool) {
        self.items = items
        var byDigest: [String: [Item]] = [:]
        for item in items { byDigest[item.digest, default: []].append(item) }
        for digest in byDigest.keys.sorted() {
            let same = byDigest[digest] ?? []
            bytesTotal += same.first?.target.length ?? 0
            var here: [Item] = []
            var lacking: [Item] = []
            for item in same {
                if Self.isHere(item, reads: reads) { here.append(item) } else { lacking.append(item) }
            }
            if let first = here.first { present[key: digest] = first }
            guard !lacking.isEmpty else { continue }
            missing.append(lacking)
            if here.isEmpty { bytesToFetch += lacking[0].target.length }
        }
    }

    private static func isHere(_ item: Item, reads: Bool) -> Bool {
        guard Files.length(item.place) == item.target.length else { return false }
        guard reads else { return true }
        guard var check = try? TargetCheck(item.target) else { return false }
        let isWhole: Void? = try? Files.forEachPiece(of: item.place) { piece throws(ChannelError) in
            try check.take(piece)
        }
        return isWhole != nil && (try? check.finish()) != nil
    }
}
