import ProcessPatcher

/// Prints what an operation came to, a line for each process.
enum OperationRendering {
    static func text(_ report: OperationReport) -> String {
        var lines: [String] = []
        for process in report.processes {
            lines.append(line(process, planned: report.operation == "plan"))
            for reason in process.kept ?? [] { lines.append("    memory kept: \(reason)") }
            if let finding = process.finding {
                lines += "\(finding)".split(separator: "\n").map { "    " + $0 }
            }
        }
        if let finding = report.finding { lines.append("\(finding)") }
        lines.append(summary(report))
        return lines.joined(separator: "\n")
    }

    private static func line(_ process: ProcessOutcome, planned: Bool) -> String {
        let result = planned && process.result == .applied ? "possible" : process.result.rawValue
        var text = pad(result, 14) + pad("\(process.pid)", 8) + pad(process.name, 17)
        text += process.patches.joined(separator: ", ")
        if process.result == .applied {
            text += "  \(process.functions.count) function\(process.functions.count == 1 ? "" : "s")"
        }
        if let pause = process.pauseMicroseconds { text += ", paused \(rounded(pause / 1000)) ms" }
        if let bytes = process.releasedBytes, bytes > 0 { text += ", released \(bytes >> 10) KiB" }
        if process.tries > 1 { text += ", \(process.tries) tries" }
        if process.recovered > 0 { text += ", finished \(process.recovered) interrupted before" }
        return text
    }

    private static func summary(_ report: OperationReport) -> String {
        let done = report.processes.count { $0.result == .applied }
        var text = "\(report.operation): \(report.result.rawValue)"
        if !report.processes.isEmpty { text += ", \(done) of \(report.processes.count) processes" }
        if report.unreadable > 0 {
            text += "; \(unreadable(report.unreadable))"
        }
        return text
    }

    /// How many processes nothing is known about.
    static func unreadable(_ count: Int) -> String {
        "\(count) process\(count == 1 ? "" : "es") can't be looked at by this user"
    }

    static func pad(_ text: String, _ width: Int) -> String {
        text.count >= width ? text + " " : text + String(repeating: " ", count: width - text.count)
    }

    private static func rounded(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    }
}
