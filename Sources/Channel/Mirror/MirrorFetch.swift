import Dispatch
import Synchronization

/// Fetches the missing files of a plan, several at a time; each failure is kept, and stops only its own file.
struct MirrorFetch: Sendable {
    let plan: MirrorPlan
    let layout: RepositoryLayout
    let address: String
    let fetcher: any Fetcher & Sendable

    /// Runs until every file was tried.
    /// - Returns: what went wrong, by target path.
    func run(parallel: Int) -> ByteMap<String> {
        let next = Atomic<Int>(0)
        let errors = Mutex<ByteMap<String>>([:])
        DispatchQueue.concurrentPerform(iterations: min(max(parallel, 1), 64)) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < plan.missing.count else { return }
                let failed = bring(plan.missing[index])
                if !failed.isEmpty { errors.withLock { $0.merge(failed) } }
            }
        }
        return errors.withLock { $0 }
    }

    /// Brings one content, under all paths that lack it.
    private func bring(_ items: [MirrorPlan.Item]) -> [ByteMap<String>.Entry] {
        var source = items.first.flatMap { plan.present[key: $0.digest]?.place }
        var failed: [ByteMap<String>.Entry] = []
        for item in items {
            do throws(ChannelError) {
                try Files.makeFolder(Files.folder(of: item.place))
                if let source, Files.link(source, as: item.place) { continue }
                try fetch(item)
                source = item.place
            } catch {
                failed.append(.init(key: item.target.path, value: error.what))
            }
        }
        return failed
    }

    /// Fetches one file; it takes its name when length and hashes are right.
    func fetch(_ item: MirrorPlan.Item, isDurable: Bool = false) throws(ChannelError) {
        let target = item.target
        let name = String(item.place.dropFirst(layout.targets.count + 1))
        let file = try TemporaryFile(beside: item.place)
        var check = try TargetCheck(target)
        try fetcher.fetch(
            address + PercentEncoding.encode(name, keepsSlash: true),
            limits: TransferLimits(maximumLength: target.length)
        ) { piece throws(ChannelError) in
            try check.take(piece)
            try file.append(piece)
        }
        try check.finish()
        try file.take(name: item.place, isDurable: isDurable)
    }
}
