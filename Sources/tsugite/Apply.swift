import ArgumentParser
import Console
import Findings
import KernelPatcher
import Linux
import LivePatch
import ProcessPatcher

/// `tsugite apply`: puts live patches into running processes, or into the running kernel.
struct Apply: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", _superCommandName: Tsugite.name,
        abstract: "Put live patches into running processes, or into the running kernel.",
        discussion: """
            Finds every process that runs a binary that a patch is for, proves that the code in memory is the code \
            that the patch was made for, and exchanges the functions while the program runs. A process changes \
            whole or not at all; a busy one is tried again until the time is up.

            A patch file for a kernel goes into the running kernel, after its code in memory was proven to be as \
            shipped. The kernel moves task after task over to the new code; what isn't over when the time is up is \
            turned back, and the tasks that held it up are named. The patch is applied again at the next boot.

            Example:
              tsugite apply CVE-2025-23419.tsp
              tsugite apply CVE-2026-23111-kernel.tsp --wait 60s
              tsugite apply fix-a.tsp fix-b.tsp --pid 4711 --wait 5m
              tsugite apply fix.tsp --unit nginx --all-or-nothing

            Exit status: 0 applied, 10 nothing to do, 11 partial, 12 deferred (busy), 13 blocked, 64 usage, \
            70 internal error.
            """)

    @Argument(
        help: "Patch files; all of them go into a process in one step. Patches for the kernel go in by themselves.")
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

    @Flag(
        name: .long,
        help:
            "Kernel: when the time is up, declare tasks moved over that aren't. Nobody knows then who still runs old code."
    )
    var force = false

    @Flag(name: .long, help: "Kernel: don't apply it again at the next boot.")
    var once = false

    @OptionGroup var output: OutputOptions

    func validate() throws {
        if deferred == !files.isEmpty { throw ValidationError("Give patch files, or --deferred.") }
    }

    func run() throws {
        try reportingErrors(json: output.json) {
            let records = DeferredRecords()
            if deferred {
                let waiting = records.all()
                guard !waiting.isEmpty else { return try finish(Self.nobodyWaits, output) }
                return try apply(
                    try Self.patches(of: waiting, records), to: .processes(waiting.map { ProcessID($0.pid) }),
                    records)
            }
            switch try PatchFiles.open(files) {
            case .processes(let patches): try apply(patches, to: processes.selection, records)
            case .kernel(let files): try apply(files)
            }
        }
    }

    private func apply(_ patches: [LoadedPatch], to selection: ProcessSelection, _ records: DeferredRecords) throws
    {
        let options = ProcessPatcher.ApplyOptions(
            wait: waiting.wait.duration, allowReplace: replace, dryRun: dryRun, allowData: allowData,
            isAllOrNothing: group.allOrNothing, atReturn: group.atReturn, never: try never.list(),
            includesInit: never.`init`, observer: Progress().observer)
        let report = try ProcessPatcher.apply(patches.map(\.input), to: selection, options)
        // Without a place for records nothing is remembered; the report says all the same who was busy.
        try? records.note(report, patches)
        try finish(report, output)
    }

    private func apply(_ files: [KernelPatchFile]) throws {
        guard processes.selection == .all else {
            throw ValidationError(
                "A patch for the kernel goes into no process: give it without --pid and its like.")
        }
        let options = KernelPatcher.Options(
            deadline: waiting.wait.duration, isForced: force, allowsReplace: replace, dryRun: dryRun,
            onProgress: KernelVerbs.progress(output))
        try KernelVerbs.apply(files, options, keeps: !once, output)
    }

    /// What is said of `--deferred` when there is nothing to take up again.
    private static var nobodyWaits: OperationReport {
        OperationReport(
            operation: "apply", processes: [],
            ifNone: Finding(
                .processNotFound, "no process waits for a patch", remedy: "tsugite status shows who carries what."))
    }

    /// The patches that busy processes are still waiting for.
    private static func patches(of waiting: [DeferredRecord], _ records: DeferredRecords) throws -> [LoadedPatch] {
        try Set(waiting.map(\.id)).sorted().map { try PatchFiles.forProcesses(records.patchFile($0)) }
    }
}

/// Prints a report and leaves with its status.
func finish(_ report: OperationReport, _ output: OutputOptions) throws {
    if output.json { Output.json(report) } else { Output.result(OperationRendering.text(report)) }
    let status = ExitStatus(report.result)
    if status != .done { throw status.exit }
}
