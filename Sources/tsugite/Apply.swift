import ArgumentParser
import Console
import Linux
import LivePatch
import ProcessPatcher

/// `tsugite apply`: puts live patches into running processes.
struct Apply: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Put live patches into running processes.",
        discussion: """
            Finds every process that runs a binary that a patch is for, proves that the code in memory is the code \
            that the patch was made for, and exchanges the functions while the program runs. A process changes \
            whole or not at all; a busy one is tried again until the time is up.

            Example:
              tsugite apply CVE-2025-23419.tsp
              tsugite apply fix-a.tsp fix-b.tsp --pid 4711 --wait 5m
              tsugite apply fix.tsp --unit nginx --all-or-nothing

            Exit status: 0 applied, 10 nothing to do, 11 partial, 12 deferred (busy), 13 blocked, 64 usage, \
            70 internal error.
            """)

    @Argument(help: "Patch files; all of them go into a process in one step.")
    var files: [String] = []

    @Flag(name: .long, help: "Take up again what busy processes are waiting for, see status.")
    var deferred = false

    @OptionGroup var processes: ProcessOptions
    @OptionGroup var never: NeverOptions
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var group: GroupOptions

    @Flag(name: .long, help: "Plan and prove, but change nothing.")
    var dryRun = false

    @Flag(name: .long, help: "Take out a patch of the same functions that isn't included in the new one.")
    var replace = false

    @Flag(name: .long, help: "Let patches write over read-only data, as those that need it say.")
    var allowData = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if deferred == !files.isEmpty { throw ValidationError("Give patch files, or --deferred.") }
    }

    func run() throws {
        try reportingErrors(json: output.json) {
            let records = DeferredRecords()
            let never = try never.list()
            let patches = try deferred ? Self.waiting(records) : files.map { try Self.load($0) }
            let options = ProcessPatcher.ApplyOptions(
                wait: waiting.wait.duration, allowReplace: replace, dryRun: dryRun, allowData: allowData,
                isAllOrNothing: group.allOrNothing, atReturn: group.atReturn, never: never,
                includesInit: self.never.`init`, observer: Progress().observer)
            let selection =
                deferred ? ProcessSelection.processes(records.all().map { ProcessID($0.pid) }) : processes.selection
            let report = try ProcessPatcher.apply(patches.map(\.input), to: selection, options)
            // Without a place for records nothing is remembered; the report says all the same who was busy.
            try? records.note(report, patches)
            try finish(report, output)
        }
    }

    private static func load(_ path: String) throws -> (input: PatchInput, file: [UInt8]) {
        let file = try PatchFile(ByteStorage(reading: path, limit: LivePatch.Limits.fileSize))
        return (
            PatchInput(file.patch, digest: file.id), try FileSystem.read(path, limit: LivePatch.Limits.fileSize)
        )
    }

    /// The patches that busy processes are still waiting for.
    private static func waiting(_ records: DeferredRecords) throws -> [(input: PatchInput, file: [UInt8])] {
        try Set(records.all().map(\.id)).sorted().map { try load(records.patchFile($0)) }
    }
}

/// Prints a report and leaves with its status.
func finish(_ report: OperationReport, _ output: OutputOptions) throws {
    if output.json { Output.json(report) } else { Output.result(OperationRendering.text(report)) }
    let status = ExitStatus(report.result)
    if status != .done { throw status.exit }
}
