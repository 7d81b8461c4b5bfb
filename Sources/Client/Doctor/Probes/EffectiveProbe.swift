import Findings

/// EFF-STALE: the recorded effective versions against memory.
///
/// Only updates that came through this client count. A patch that somebody applied by hand from a file, and a process
/// that ended and took its patch along, change nothing of what the record says.
enum EffectiveProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        let planner = facts.planner
        guard let recorded = facts.effective, recorded.kernel == planner.inventory.kernel,
            planner.inventory.unreadable == 0 || !planner.memory.isEmpty
        else { return [] }
        let now = EffectiveVersions.make(planner.state.installed, planner.inventory, planner.memory)
        let changed = now.changes(since: recorded)
        guard !changed.isEmpty else { return [] }
        var finding = Finding(.effectiveStale, "the recorded effective versions aren't those in memory")
        finding.evidence = changed.map { .init($0.name, $0.text) }
        return [finding]
    }
}

extension EffectiveVersions {
    /// Packages whose effective version isn't the recorded one any more.
    func changes(since recorded: EffectiveVersions) -> [(name: String, text: String)] {
        func versions(_ packages: [Package]) -> [String: String] {
            Dictionary(packages.map { ($0.name, $0.effective ?? "mixed") }) { first, _ in first }
        }
        let before = versions(recorded.packages)
        let now = versions(packages)
        return Set(before.keys).union(now.keys).sorted().compactMap { name in
            guard before[name] != now[name] else { return nil }
            return (name, "recorded \(before[name] ?? "none"), in memory \(now[name] ?? "none")")
        }
    }
}
