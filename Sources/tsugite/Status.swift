import ArgumentParser
import Console
import ProcessPatcher

/// `tsugite status`: shows what running processes carry.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the live patches in running processes.",
        discussion: """
            Read back from the processes' own memory, not from any record. Nothing is stopped.

            Example:
              tsugite status
              tsugite status --pid 4711 --json

            Exit status: 0 shown (no patch anywhere is an answer, too), 13 blocked, 64 usage, 70 internal error.
            """)

    @OptionGroup var processes: ProcessOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .long, help: "Show patches that were undone and only wait in memory, too.")
    var undone = false

    func run() throws {
        try reportingErrors(json: output.json) {
            let report = try ProcessPatcher.status(processes.selection)
            if output.json { Output.json(report) } else { Output.result(text(report)) }
        }
    }

    private func text(_ report: StatusReport) -> String {
        var lines: [String] = []
        for process in report.processes {
            for patch in process.patches where undone || patch.state != .undone {
                let pad = OperationRendering.pad
                lines.append(
                    pad("\(process.pid)", 8) + pad(process.name, 17) + pad(patch.state.rawValue, 12)
                        + pad(patch.name, 24) + pad(String(patch.id.prefix(12)), 14)
                        + "\(patch.target): \(patch.functions.joined(separator: ", "))")
            }
            for address in process.damaged {
                lines.append("\(process.pid) \(process.name): the image at \(address) holds no valid header")
            }
        }
        let pad = OperationRendering.pad
        for record in report.deferred {
            lines.append(
                pad("\(record.pid)", 8) + pad(record.name, 17) + pad("deferred", 12) + pad(record.patch, 24)
                    + pad(String(record.id.prefix(12)), 14) + "\(record.tries) tries")
            if let finding = record.finding { lines += "\(finding)".split(separator: "\n").map { "    " + $0 } }
        }
        if lines.isEmpty { lines.append("no process carries a live patch") }
        if report.unreadable > 0 {
            lines.append(OperationRendering.unreadable(report.unreadable))
        }
        return lines.joined(separator: "\n")
    }
}
