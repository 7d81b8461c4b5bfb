import Findings
import Linux

/// USR-NS, USR-UNPATCHABLE: processes that an update concerns, and what is special about them.
enum ProcessProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] { special(facts.planner).map(\.finding) }

    /// Processes that something is special about, each once.
    static func special(_ planner: Planner) -> [(pid: ProcessID, finding: Finding)] {
        var seen: Set<ProcessID> = []
        var found: [(pid: ProcessID, finding: Finding)] = []
        for candidate in planner.candidates() where !candidate.update.isKernel {
            for patch in candidate.update.patches {
                guard let module = planner.inventory.modules[patch.buildID] else { continue }
                for pid in module.processes where planner.memory[pid]?.contains(patch.sha256) != true {
                    guard let process = planner.inventory.processes[pid], seen.insert(pid).inserted else {
                        continue
                    }
                    if let finding = hindrance(process, module, candidate.update.id, planner) {
                        found.append((pid, finding))
                    }
                }
            }
        }
        return found
    }

    private static func hindrance(
        _ process: RunningProcess, _ module: RunningModule, _ update: String, _ planner: Planner
    ) -> Finding? {
        var reason: String?
        if process.tracer != 0 { reason = "it is traced by process \(process.tracer)" }
        if process.is32Bit { reason = "it is a 32-bit program" }
        if let line = planner.never.forbids(executable: process.executable)
            ?? planner.never.forbids(target: module.path)
        {
            reason = "it is on the never-list: \(line)"
        }
        let restart = process.unit.map { "systemctl restart \($0)" } ?? "restart process \(process.pid)"
        if let reason {
            return Finding(
                .processUnpatchable, "process \(process.pid) (\(process.name)) can't get \(update): \(reason)",
                evidence: ["pid": "\(process.pid)", "program": process.executable, "update": update],
                remedy: "Update the package on disk, then \(restart)")
        }
        guard process.isElsewhere else { return nil }
        return Finding(
            .processNamespace, "process \(process.pid) (\(process.name)) lives in another file system",
            evidence: ["pid": "\(process.pid)", "library": module.path, "update": update],
            remedy: "tsugite upgrade reaches it through its memory; update its own root's files, too")
    }
}
