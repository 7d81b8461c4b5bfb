import Client
import Findings
import ProcessPatcher

/// Plans and actions as people read them.
enum ActionText {
    static func plan(_ plan: Plan) -> String {
        var lines = plan.steps.map { step in
            let sign = step.action == .install ? "+" : "-"
            let who = step.processes == 0 ? "" : "  \(step.processes) process\(step.processes == 1 ? "" : "es")"
            let advisories =
                step.update.advisories.isEmpty ? "" : " (\(step.update.advisories.joined(separator: ", ")))"
            return
                "\(sign) \(step.update.id)\(advisories)  \(step.update.family) -> \(step.update.effectiveVersion)\(who)"
                + (step.reason.isEmpty ? "" : "\n    \(step.reason)")
        }
        lines += plan.omitted.map { "  \($0.finding.message)\n    remedy: \($0.finding.remedy)" }
        return lines.joined(separator: "\n")
    }

    static func report(_ report: ActionReport) -> String {
        var lines: [String] = []
        for step in report.steps {
            lines.append("\(step.action == .install ? "+" : "-") \(step.id): \(step.outcome.rawValue)")
            lines += step.operations.map { indented(OperationRendering.text($0)) }
            lines += step.kernel.flatMap(KernelOperation.lines).map(indented)
            if let finding = step.finding { lines.append(indented("\(finding)")) }
        }
        lines += report.omitted.map { "  \($0.finding.message)\n    remedy: \($0.finding.remedy)" }
        lines += report.findings.map { "\($0)" }
        lines.append("\(report.verb): \(report.outcome.rawValue)")
        return lines.joined(separator: "\n")
    }

    private static func indented(_ text: String) -> String {
        text.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n")
    }
}
