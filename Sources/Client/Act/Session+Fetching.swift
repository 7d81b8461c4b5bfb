import Channel
import Findings
import Linux

extension Session {
    /// Follows the channels and remembers how that went; what failed is in the result, too.
    public func refresh(_ step: FetchStep, isWhole: Bool = false) throws(ClientError) -> FetchStep.Result {
        let result = try step.run(isWhole: isWhole)
        var state = try store.state()
        for source in configuration.channels {
            if let failure = result.failures[source.label] {
                state.failed[source.label] = failure.finding.code.rawValue
            } else {
                state.failed[source.label] = nil
                state.checked[source.label] = Self.now
            }
        }
        try store.write(state, to: store.paths.record)
        return result
    }

    /// Brings the files of a plan into this machine's store.
    /// - Throws: the channel's error, or `CHN-MISMATCH`.
    public func bring(_ plan: Plan, _ step: FetchStep) throws(ClientError) {
        let patches = PatchStore(store.paths)
        var wanted: [String: [InstalledUpdate.Patch]] = [:]
        for item in plan.steps where item.action == .install {
            for patch in item.update.patches where !patches.has(patch) {
                wanted[item.update.channel, default: []].append(patch)
            }
        }
        guard !wanted.isEmpty else { return }
        let result = try step.run(wanted: wanted.mapValues { $0.map(\.path) })
        for (label, list) in wanted {
            if let failure = result.failures[label] { throw ClientError(failure.finding) }
            for patch in list {
                guard let file = result.files[patch.path] else {
                    throw ClientError(.channelNoTarget, "\(patch.path) was not brought", ["channel": label])
                }
                try patches.take(patch, from: file)
            }
        }
    }
}
