import Channel
import Findings

/// AUTO-OFF, CLI-LEFT-OUT, CLI-WITHDRAWN and the kill switches: what policy keeps from happening.
enum PolicyProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        var found: [Finding] = []
        let plan = facts.planner.upgrade()
        let steps = plan.steps
        if !steps.isEmpty, !facts.planner.configuration.autoinstall {
            found.append(
                Finding(
                    .autoOff, "\(steps.count) updates are available, and nothing installs them by itself",
                    evidence: ["updates": steps.map(\.update.id).joined(separator: ", "), "autoinstall": "no"]))
        }
        if let killSwitch = facts.killSwitch {
            found.append(Finding(.clientDisabled, "\(killSwitch) is set", evidence: ["switch": killSwitch]))
        }
        return found + withdrawn(facts) + leftOut(plan, facts)
    }

    /// With `withdrawn: undo` the next upgrade takes them out, which is told as any other step is.
    private static func withdrawn(_ facts: DoctorFacts) -> [Finding] {
        guard facts.planner.configuration.withdrawn == .warn else { return [] }
        return facts.planner.withdrawn().map { update, reason in
            Finding(
                .updateWithdrawn, "\(update.id) was taken back by its publisher, and is still installed",
                evidence: ["update": update.id, "channel": update.channel, "reason": reason],
                remedy: "tsugite remove \(update.id)")
        }
    }

    /// Updates that a rule keeps out of what runs here; the never-list is told process by process, by another probe.
    private static func leftOut(_ plan: Plan, _ facts: DoctorFacts) -> [Finding] {
        guard !plan.omitted.isEmpty else { return [] }
        let candidates = facts.planner.candidates()
        let replaced = Set(candidates.flatMap(\.description.supersedes))
        let missing = Set(candidates.filter { $0.missing > 0 }.map(\.update.id)).subtracting(replaced)
        return plan.omitted.filter { missing.contains($0.id) }.map(\.finding)
    }
}
