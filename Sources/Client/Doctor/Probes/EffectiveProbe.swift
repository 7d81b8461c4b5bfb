import Findings

/// EFF-STALE: the recorded effective versions against memory.
enum EffectiveProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        guard let recorded = facts.effective, recorded.kernel == facts.planner.inventory.kernel,
            facts.planner.inventory.unreadable == 0 || !facts.planner.memory.isEmpty
        else { return [] }
        let found = Set(facts.planner.memory.values.flatMap { $0 }).sorted()
        guard recorded.set != found else { return [] }
        return [
            Finding(
                .effectiveStale, "the recorded effective versions are of another set than the one in memory",
                evidence: ["recorded": "\(recorded.set.count) patches", "in memory": "\(found.count) patches"])
        ]
    }
}
