import Console
import Findings
import KernelPatcher

/// What a verb did to the running kernel, as text and as JSON.
struct KernelOperation: Encodable {
    /// Name of the JSON form.
    var schema = "tsugite.kernel-operation/1"
    /// `apply`, `undo`, `plan` or `replay`.
    var operation: String
    /// The outcome of the whole.
    var result: KernelReport.Result
    /// Each patch.
    var patches: [KernelReport]

    init(_ operation: String, _ patches: [KernelReport]) {
        self.operation = operation
        self.patches = patches
        let results = patches.map(\.result)
        result =
            results.contains(.blocked)
            ? .blocked
            : results.contains(.deferred) ? .deferred : results.contains(.applied) ? .applied : .nothingToDo
    }

    /// For the exit code.
    var status: ExitStatus {
        let isMixed = patches.contains { $0.result == .applied } && (result == .blocked || result == .deferred)
        if isMixed { return .partial }
        switch result {
        case .applied: return .done
        case .nothingToDo: return .nothingToDo
        case .deferred: return .deferred
        case .blocked: return .blocked
        }
    }

    /// The text form.
    var text: String {
        var lines = patches.flatMap(Self.lines)
        lines.append(
            "\(operation): \(patches.isEmpty ? "nothing-to-do, no kernel patch is kept" : result.rawValue)")
        return lines.joined(separator: "\n")
    }

    static func lines(_ report: KernelReport) -> [String] {
        let pad = OperationRendering.pad
        let word = report.operation == "plan" && report.result == .applied ? "possible" : report.result.rawValue
        var line = pad(word, 14) + pad("kernel", 8) + report.name
        if report.result == .applied {
            let count = report.functions.count
            line += "  \(count) function\(count == 1 ? "" : "s")"
            if report.seconds > 0 { line += ", all tasks over in \(Self.rounded(report.seconds)) s" }
            if report.isForced { line += ", FORCED: who still runs old code is unknown" }
        }
        if let reason = report.reason { line += "  (\(reason))" }
        var lines = [line]
        if let kept = report.kept {
            lines.append("    stays loaded until the next boot: \(kept.joined(separator: ", "))")
        }
        if !report.unloaded.isEmpty { lines.append("    unloaded \(report.unloaded.joined(separator: ", "))") }
        if !report.waiting.isEmpty {
            lines.append("    \(report.waiting.joined(separator: ", ")): patched as soon as loaded")
        }
        for finding in report.findings { lines += "\(finding)".split(separator: "\n").map { "    " + $0 } }
        return lines
    }

    static func rounded(_ seconds: Double) -> String {
        let hundredths = Int((seconds * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }
}
