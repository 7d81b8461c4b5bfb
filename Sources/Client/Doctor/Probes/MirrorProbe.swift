import Channel
import Findings

/// MIR-STALE, MIR-FAILED, MIR-SPACE: the mirrors of this machine, and how old its own view of the channels is.
enum MirrorProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        facts.mirrors.flatMap { mirror($0.folder, $0.status, free: $0.free, facts) } + channels(facts)
    }

    private static func mirror(_ folder: String, _ status: MirrorStatus, free: UInt64, _ facts: DoctorFacts)
        -> [Finding]
    {
        let source = status.address ?? "ADDRESS"
        let sync = "tsugite mirror sync \(folder) --from \(source)"
        var found: [Finding] = []
        if let needed = status.bytesNeeded, UInt64(clamping: needed) + MirrorForecast.reserve > free {
            let text = "it needs \(needed) bytes, and \(MirrorForecast.reserve) to spare; \(free) are free"
            found.append(space(folder, text, needed, free))
        } else if let growth = status.growthPerDay, growth > 0, free / UInt64(growth) < 7 {
            let days = free / UInt64(growth)
            found.append(space(folder, "at \(growth) bytes a day its disk is full in \(days) days", growth, free))
        } else if !status.errors.isEmpty || status.state == .failed {
            var finding = Finding(.mirrorFailed, "the mirror in \(folder) couldn't bring everything", remedy: sync)
            finding.evidence = status.errors.entries.prefix(20).map { .init($0.key, $0.value) }
            found.append(finding)
        }
        let limit = facts.time.adding(seconds: -Int64(facts.planner.configuration.staleDays) * 86_400)
        let isExpired = status.expires.map { $0 < facts.time } ?? false
        if status.time.map({ $0 < limit }) ?? true || isExpired {
            found.append(
                Finding(
                    .mirrorStale, "the mirror in \(folder) isn't in step",
                    evidence: [
                        "last run": status.time.map { "\($0)" } ?? "never",
                        "serves until": status.expires.map { "\($0)" } ?? "never served",
                    ], remedy: "\(sync), then tsugite mirror schedule \(folder) --from \(source)"))
        }
        return found
    }

    private static func space(_ folder: String, _ text: String, _ needed: Int, _ free: UInt64) -> Finding {
        Finding(
            .mirrorSpace, "the mirror in \(folder): \(text)",
            evidence: ["needed or daily growth": "\(needed) bytes", "free": "\(free) bytes"],
            remedy: "Grow the volume, tsugite mirror prune \(folder), or --cache")
    }

    private static func channels(_ facts: DoctorFacts) -> [Finding] {
        let limit = facts.time.seconds - Int64(facts.planner.configuration.staleDays) * 86_400
        return facts.planner.configuration.channels.compactMap { source in
            guard let last = facts.planner.state.checked[source.label] else { return unasked(source, facts) }
            guard last < limit else { return nil }
            return Finding(
                .mirrorStale, "channel \(source.label) was last reached at \(UTCTime(seconds: last))",
                evidence: ["address": source.url, "policy": "\(facts.planner.configuration.staleDays) days"],
                remedy: "tsugite refresh; if that works, see systemctl status tsugite-refresh.timer")
        }
    }

    /// A channel that nobody has asked yet: until then every upgrade succeeds, and does nothing.
    private static func unasked(_ source: Configuration.Source, _ facts: DoctorFacts) -> Finding? {
        let planner = facts.planner
        guard planner.catalogues[source.label] == nil, planner.state.failed[source.label] == nil,
            !planner.configuration.isOffline
        else { return nil }
        return Finding(
            .mirrorStale, "channel \(source.label) was never asked, so nothing is known of its updates",
            evidence: ["address": source.url, "last reached": "never"],
            remedy: "tsugite refresh; by itself, tsugite-refresh.timer does it")
    }
}
