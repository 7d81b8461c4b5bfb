import Channel
import Findings
import KernelPatcher

/// KRN-NOTHING-YET, KRN-UNSUPPORTED: whether channels know the running kernel; KRN-OOPS, KRN-SUSPENDED, KRN-STALLED: what
/// it has against its live patches.
enum KernelProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        facts.kernelTrouble + channels(facts)
    }

    private static func channels(_ facts: DoctorFacts) -> [Finding] {
        let kernel = facts.planner.inventory.kernel
        let families = facts.planner.catalogues.values.flatMap(\.families).filter { $0.kind == .kernel }
        let refused = refusals(facts)
        guard !families.isEmpty else { return refused }
        guard families.contains(where: { $0.name == kernel.release }) else {
            return refused + [
                Finding(
                    .kernelUnsupported, "no attached channel knows kernel \(kernel.release)",
                    evidence: [
                        "kernel": "\(kernel.release) \(kernel.version)",
                        "known": families.map(\.name).joined(separator: ", "),
                    ])
            ]
        }
        let has = facts.planner.catalogues.values.contains { $0.entries.contains { $0.buildID == kernel.buildID } }
        return refused
            + (has
                ? [] : [Finding(.kernelNothingYet, "kernel \(kernel.release) is cared for, and needs nothing yet")])
    }

    /// What stood against the last action on the kernel, as long as the kernel lacks that update: KRN-STALLED,
    /// KRN-MISMATCH and their kin, with the tasks or modules that the kernel patcher named.
    private static func refusals(_ facts: DoctorFacts) -> [Finding] {
        (facts.lastAction?.steps ?? []).filter { $0.action == .install }.flatMap { step -> [Finding] in
            let offered = facts.planner.candidates().first { $0.update.id == step.id }
            guard let offered, offered.update.isKernel, offered.missing > 0 else { return [] }
            return step.kernel.filter { $0.result != .applied }.flatMap(\.findings)
                + (step.finding.map { [$0] } ?? [])
        }
    }
}
