import Channel
import Findings

/// KRN-NOTHING-YET, KRN-UNSUPPORTED: whether channels know the running kernel.
enum KernelProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        let kernel = facts.planner.inventory.kernel
        let families = facts.planner.catalogues.values.flatMap(\.families).filter { $0.kind == .kernel }
        guard !families.isEmpty else { return [] }
        guard families.contains(where: { $0.name == kernel.release }) else {
            return [
                Finding(
                    .kernelUnsupported, "no attached channel knows kernel \(kernel.release)",
                    evidence: [
                        "kernel": "\(kernel.release) \(kernel.version)",
                        "known": families.map(\.name).joined(separator: ", "),
                    ])
            ]
        }
        let has = facts.planner.catalogues.values.contains { $0.entries.contains { $0.buildID == kernel.buildID } }
        return has
            ? [] : [Finding(.kernelNothingYet, "kernel \(kernel.release) is cared for, and needs nothing yet")]
    }
}
