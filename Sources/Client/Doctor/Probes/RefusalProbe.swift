import Findings
import Linux
import ProcessPatcher

/// USR-BUSY, USR-NEVER-RETURNS, USR-MISMATCH and their kin: what stood against the last action, as long as the process
/// lives and memory isn't as that action wanted it.
enum RefusalProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        let planner = facts.planner
        guard let report = facts.lastAction else { return [] }
        let offers = Dictionary(
            planner.candidates().map { ($0.update.id, $0) }, uniquingKeysWith: { first, _ in first })
        // Those are told by what they are now, not by what they were at the last action.
        let special = Set(
            ProcessProbe.special(planner).filter { $0.finding.code == .processUnpatchable }.map(\.pid.rawValue))
        return report.steps.flatMap { step in
            let update = planner.state.update(step.id) ?? offers[step.id]?.update
            let digests = Set(update?.patches.map(\.sha256) ?? [])
            return whole(step, offers[step.id])
                + step.operations.flatMap(\.processes).filter { !special.contains($0.pid) }
                .compactMap { refusal($0, step, digests, planner) }
        }
    }

    /// Why a step couldn't even begin: its file is missing, a process's memory can't be read.
    private static func whole(_ step: ActionReport.Step, _ offered: Planner.Candidate?) -> [Finding] {
        guard let finding = step.finding, step.action == .install, let offered, !offered.update.isKernel,
            offered.missing > 0
        else { return [] }
        return [finding]
    }

    private static func refusal(
        _ outcome: ProcessOutcome, _ step: ActionReport.Step, _ digests: Set<String>, _ planner: Planner
    ) -> Finding? {
        // Whether the process still lacks what was to go in, or still has what was to come out.
        let lacks = planner.memory[ProcessID(outcome.pid)].map { $0.isDisjoint(with: digests) } ?? true
        guard outcome.result == .deferred || outcome.result == .blocked, var finding = outcome.finding,
            let process = planner.inventory.processes[ProcessID(outcome.pid)], process.name == outcome.name,
            lacks == (step.action == .install)
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
}
