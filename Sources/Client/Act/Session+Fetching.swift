import Channel
import Findings
import Linux
import LivePatch

extension Session {
    /// Follows the channels and remembers how that went; what failed is in the result, too.
    public func refresh(_ step: FetchStep, isWhole: Bool = false) throws(ClientError) -> FetchStep.Result {
        let result = try step.run(isWhole: isWhole)
        var state = try store.state()
        state.failures = state.failures ?? [:]
        for source in configuration.channels {
            let finding = result.failures[source.label]?.finding
            state.failed[source.label] = finding?.code.rawValue
            state.failures?[source.label] = finding
            if finding == nil {
                state.checked[source.label] = Self.now
            }
        }
        try store.write(state, to: store.paths.record)
        return result
    }

    /// Whether the time of the next regular look has come: the interval, and a part of the jitter that differs from
    /// machine to machine and from time to time, so that a fleet doesn't come all at once.
    public func isCheckDue(at now: Int64) throws(ClientError) -> Bool {
        let checked = try store.state().checked
        let times = configuration.channels.map { checked[$0.label] ?? 0 }
        let machine = (try? FileSystem.readText("\(store.paths.root)/etc/machine-id")) ?? ""
        return Self.isCheckDue(times, configuration, machine: machine, at: now)
    }

    static func isCheckDue(_ times: [Int64], _ configuration: Configuration, machine: String, at now: Int64) -> Bool
    {
        guard let oldest = times.min() else { return false }
        let digest = Digest(of: Array("\(machine) \(oldest)".utf8)).bytes.prefix(7)
        let number = digest.reduce(Int64(0)) { $0 << 8 | Int64($1) }
        let jitter = configuration.jitterSeconds == 0 ? 0 : number % Int64(configuration.jitterSeconds)
        // A clock that was set back must not stop the looks for long.
        return now >= oldest + Int64(configuration.checkIntervalSeconds) + jitter || now < oldest
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
