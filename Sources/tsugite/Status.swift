import ArgumentParser
import Console
import Findings
import KernelPatcher
import ProcessPatcher

/// `tsugite status`: shows what running processes and the running kernel carry.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", _superCommandName: Tsugite.name,
        abstract: "Show the live patches in running processes and in the running kernel.",
        discussion: """
            Read back from the processes' own memory and from the kernel itself, not from any record. Nothing is \
            stopped.

            Example:
              tsugite status
              tsugite status --pid 4711 --json
              tsugite status --kernel

            Exit status: 0 shown (no patch anywhere is an answer, too), 13 blocked, 64 usage, 70 internal error.
            """)

    /// What else than processes can be asked about.
    enum Subject: String, ExpressibleByArgument, CaseIterable { case kernel }

    @Argument(help: "kernel: the same as --kernel.")
    var subject: Subject?

    @OptionGroup var processes: ProcessOptions
    @OptionGroup var output: OutputOptions

    @Flag(name: .long, help: "Show patches that were undone and only wait in memory, too.")
    var undone = false

    @Flag(name: .long, help: "Only the kernel, with its protections and its transition.")
    var kernel = false

    func run() throws {
        try reportingErrors(json: output.json) {
            let kept = (try? KernelStore().plan()) ?? KernelPlan()
            if kernel || subject == .kernel {
                let status = try KernelPatcher().status()
                if output.json { return Output.json(KernelPart(status, kept)) }
                return Output.result(status.text(isAsked: true, kept: kept) ?? "")
            }
            // A kernel that can't be asked must not hide what processes carry.
            let system = processes.pid.isEmpty ? try? KernelPatcher().status() : nil
            let report = try ProcessPatcher.status(processes.selection)
            if output.json {
                return Output.json(Whole(report: report, kernel: system.map { KernelPart($0, kept) }))
            }
            let parts = [system?.text(isAsked: false, kept: kept), text(report)].compactMap { $0 }
            Output.result(parts.joined(separator: "\n\n"))
        }
    }

    /// The kernel's part of the report: its own words, and the plan for the next boot.
    private struct KernelPart: Encodable {
        let status: KernelStatus
        let kept: KernelPlan

        init(_ status: KernelStatus, _ kept: KernelPlan) {
            self.status = status
            self.kept = kept
        }

        private enum Key: CodingKey { case kept }

        func encode(to encoder: any Encoder) throws {
            try status.encode(to: encoder)
            var more = encoder.container(keyedBy: Key.self)
            try more.encode(kept, forKey: .kept)
        }
    }

    /// The processes' report with the kernel's beside it.
    private struct Whole: Encodable {
        let report: StatusReport
        let kernel: KernelPart?

        private enum Key: CodingKey { case kernel }

        func encode(to encoder: any Encoder) throws {
            try report.encode(to: encoder)
            var more = encoder.container(keyedBy: Key.self)
            try more.encodeIfPresent(kernel, forKey: .kernel)
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
