import ArgumentParser
import Linux
import LivePatch
import ProcessPatcher

/// `tsugite apply`: puts live patches into running processes.
struct Apply: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put live patches into running processes.",
        discussion: """
            Finds every process that runs a binary that a patch is for, proves that the code in memory is the code \
            that the patch was made for, and exchanges the functions while the program runs. A process changes \
            whole or not at all; a busy one is tried again until the time is up.

            Example:
              tsugite apply CVE-2025-23419.tsp
              tsugite apply fix-a.tsp fix-b.tsp --pid 4711 --wait 5m

            Exit status: 0 applied, 10 nothing to do, 11 partial, 12 deferred (busy), 13 blocked, 64 usage, \
            70 internal error.
            """)

    @Argument(help: "Patch files; all of them go into a process in one step.")
    var files: [String]

    @OptionGroup var processes: ProcessOptions
    @OptionGroup var waiting: WaitOptions

    @Flag(name: .long, help: "Plan and prove, but change nothing.")
    var dryRun = false

    @Flag(name: .long, help: "Take out a patch of the same functions that isn't included in the new one.")
    var replace = false

    @Flag(name: .long, help: "Let patches write over read-only data, as those that need it say.")
    var allowData = false

    @OptionGroup var output: OutputOptions

    func run() throws {
        try reportingErrors(json: output.json) {
            let patches = try files.map { path in
                let file = try PatchFile(ByteStorage(reading: path, limit: LivePatch.Limits.fileSize))
                return PatchInput(file.patch, digest: file.id)
            }
            let options = ProcessPatcher.ApplyOptions(
                wait: waiting.wait.duration, allowReplace: replace, dryRun: dryRun, allowData: allowData)
            let report = try ProcessPatcher.apply(patches, to: processes.selection, options)
            try finish(report, output)
        }
    }
}

/// Prints a report and leaves with its status.
func finish(_ report: OperationReport, _ output: OutputOptions) throws {
    if output.json { Output.json(report) } else { Output.result(OperationRendering.text(report)) }
    let status = ExitStatus(report.result)
    if status != .done { throw status.exit }
}
