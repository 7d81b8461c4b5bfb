import Findings
import Linux
import ProcessPatcher

/// USR-BUSY: who was in the way at the last action, and still is without the update.
enum BusyProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        guard let report = facts.lastAction else { return [] }
        let inventory = facts.planner.inventory
        return report.steps.filter { $0.action == .install }.flatMap { step in
            step.operations.flatMap(\.processes).compactMap { outcome -> Finding? in
                guard var finding = outcome.finding, finding.code == .processBusy,
                    let process = inventory.processes[ProcessID(outcome.pid)], process.name == outcome.name,
                    isMissing(step.id, outcome.pid, facts)
                else { return nil }
                finding.evidence.append(.init("tries", "\(outcome.tries)"))
                finding.evidence.append(
                    .init("kind", outcome.tries > 3 ? "permanent: busy at every try" : "transient"))
                finding.remedy = "tsugite upgrade --offline when the load is lower"
                if let unit = process.unit { finding.remedy += ", or systemctl restart \(unit)" }
                return finding
            }
        }
    }

    private static func isMissing(_ id: String, _ pid: Int32, _ facts: DoctorFacts) -> Bool {
        let offered = facts.planner.candidates().first { $0.update.id == id }?.update
        let update = facts.planner.state.update(id) ?? offered
        let digests = Set(update?.patches.map(\.sha256) ?? [])
        return facts.planner.memory[ProcessID(pid)].map { $0.isDisjoint(with: digests) } ?? true
    }
}
