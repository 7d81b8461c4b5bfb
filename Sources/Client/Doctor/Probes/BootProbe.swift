import Findings

/// BOOT-LOOP, PWR-LOSS, PLAN-UNFINISHED: what earlier actions and boots left.
enum BootProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        var found: [Finding] = []
        if let boots = facts.boots, boots.stage == .held {
            found.append(
                Finding(
                    .bootLoop, "the set of \(boots.set.count) patches is held back after crashes",
                    evidence: [
                        "held since boot": boots.bootID,
                        "set": boots.set.map { String($0.prefix(12)) }.joined(separator: ", "),
                    ]))
        }
        if let journal = facts.journal, !facts.isJournalOwnerAlive {
            let what = journal.plan.steps.map { "\($0.action.rawValue) \($0.update.id)" }.joined(separator: ", ")
            let isThisBoot = journal.bootID == facts.planner.inventory.kernel.bootID
            found.append(
                Finding(
                    isThisBoot ? .planUnfinished : .powerLoss,
                    isThisBoot
                        ? "an action ended before it was done: \(what)" : "the machine went down during: \(what)",
                    evidence: ["action": what, "boot": journal.bootID, "process": "\(journal.process)"]))
        }
        return found
    }
}
