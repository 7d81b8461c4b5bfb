import Findings
import Linux
import ProcessPatcher

/// USR-BUSY, USR-NEVER-RETURNS, USR-MISMATCH and their kin: what stood against the last action, as long as the process
/// lives and memory isn't as that action wanted it.
enum RefusalProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        // Those are told by what they are now, not by what they were at the last action.
        let special = Set(
            ProcessProbe.findings(facts).filter { $0.code == .processUnpatchable }
                .compactMap { $0.evidence.first { $0.name == "pid" }?.value })
        return (facts.lastAction?.steps ?? []).flatMap { step in
            whole(step, facts)
                + step.operations.flatMap(\.processes).filter { !special.contains("\($0.pid)") }
                .compactMap { refusal($0, step, facts) }
        }
    }

    /// Why a step couldn't even begin: its file is missing, a process's memory can't be read.
    private static func whole(_ step: ActionReport.Step, _ facts: DoctorFacts) -> [Finding] {
        guard let finding = step.finding, step.action == .install,
            let offered = facts.planner.candidates().first(where: { $0.update.id == step.id }),
            !offered.update.isKernel, offered.missing > 0
        else { return [] }
        return [finding]
    }

    private static func refusal(
        _ outcome: ProcessOutcome, _ step: ActionReport.Step, _ facts: DoctorFacts
    ) -> Finding? {
        guard outcome.result == .deferred || outcome.result == .blocked, var finding = outcome.finding,
            let process = facts.planner.inventory.processes[ProcessID(outcome.pid)], process.name == outcome.name,
            isUnlike(step, outcome.pid, facts)
        else { return nil }
        func note(_ name: String, _ value: String) {
            if !finding.evidence.contains(where: { $0.name == name }) {
                finding.evidence.append(.init(name, value))
            }
        }
        note("pid", "\(outcome.pid)")
        note("update", step.id)
        switch finding.code {
        case .processBusy:
            note("tries", "\(outcome.tries)")
            note("kind", "transient")
            let verb = step.action == .install ? "upgrade --offline" : "remove \(step.id)"
            finding.remedy = "tsugite \(verb) when the load is lower"
            if let unit = process.unit { finding.remedy += ", or systemctl restart \(unit)" }
        case .processNeverReturns:
            note("tries", "\(outcome.tries)")
            note("kind", "permanent: it stays in one call of the function")
        default: break
        }
        return finding
    }

    /// Whether the process still lacks what was to go in, or still has what was to come out.
    private static func isUnlike(_ step: ActionReport.Step, _ pid: Int32, _ facts: DoctorFacts) -> Bool {
        let offered = facts.planner.candidates().first { $0.update.id == step.id }?.update
        let update = facts.planner.state.update(step.id) ?? offered
        let digests = Set(update?.patches.map(\.sha256) ?? [])
        let lacks = facts.planner.memory[ProcessID(pid)].map { $0.isDisjoint(with: digests) } ?? true
        return step.action == .install ? lacks : !lacks
    }
}
