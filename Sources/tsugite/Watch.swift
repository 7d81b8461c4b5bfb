import ArgumentParser
import Console
import Findings
import Glibc
import Linux
import LivePatch
import ProcessPatcher

/// `tsugite watch`: changes new processes before their first instruction.
struct Watch: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Put live patches into programs that start, before their own first instruction.",
        discussion: """
            Whoever executes a target, or loads it as a library, is held until the patches are in; constructors \
            and main run the new code. What runs already is changed, too. If it can't be held, it is changed as \
            soon as it is seen, and the output says `late`. If this command ends or is killed, everybody goes on.

            Example:
              tsugite watch CVE-2025-23419.tsp
              tsugite watch fix.tsp --file /opt/app/lib --json

            Exit status: 0 ended by SIGINT or SIGTERM, 13 blocked, 64 usage, 70 internal error.
            """)

    @Argument(help: "Patch files.")
    var files: [String]

    @Option(name: .customLong("file"), help: "A file or folder with targets outside the usual folders.")
    var places: [String] = []

    @Option(name: .long, help: "The longest that a start may be held: 500ms, 1s.")
    var hold = WaitTime(duration: .seconds(1))

    @OptionGroup var never: NeverOptions

    @Flag(name: .long, help: "Let patches write over read-only data, as those that need it say.")
    var allowData = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        try reportingErrors(json: output.json) {
            let patches = try files.map { try PatchFiles.forProcesses($0).input }
            let isJSON = output.json
            let options = Watcher.Options(
                patience: hold.duration, never: try never.list(), files: places, allowData: allowData,
                records: DeferredRecords(), observer: { WatchRendering.show($0, json: isJSON) })
            let watcher = try Watcher(patches, options)
            try EndSignals.block()
            try watcher.run { EndSignals.arrived() }
        }
    }
}

/// Prints what happens, a line each.
enum WatchRendering {
    private struct Line: Encodable {
        var schema = "tsugite.watch/1"
        var event: String
        var files: Int?
        var moment: WatchMoment?
        var process: ProcessOutcome?
        var pid: Int32?
        var reason: String?
    }

    static func show(_ event: WatchEvent, json: Bool) {
        if json { return Output.jsonLine(line(event)) }
        switch event {
        case .ready(let files): Output.result("watching \(files) file\(files == 1 ? "" : "s")")
        case .process(let outcome, let moment):
            let pad = OperationRendering.pad
            var text = pad(outcome.result.rawValue, 14) + pad("\(outcome.pid)", 8) + pad(outcome.name, 17)
            text += pad(moment.rawValue, 14) + outcome.patches.joined(separator: ", ")
            if let finding = outcome.finding { text += " \(finding.message) [\(finding.code.rawValue)]" }
            Output.result(text)
        case .notHeld(let pid, let reason): Output.result("not held      \(pid): \(reason)")
        }
    }

    private static func line(_ event: WatchEvent) -> Line {
        switch event {
        case .ready(let files): Line(event: "ready", files: files)
        case .process(let outcome, let moment): Line(event: "process", moment: moment, process: outcome)
        case .notHeld(let pid, let reason): Line(event: "not-held", pid: pid, reason: reason)
        }
    }
}
