import ArgumentParser
import Console
import KernelPatcher
import Linux
import LivePatch
import ProcessPatcher

/// `tsugite apply`: puts live patches into running processes, or into the running kernel.
struct Apply: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
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
            if deferred { return try applyDeferred() }
            switch try PatchFiles.open(files) {
            case .processes(let patches): try apply(patches, processes.selection, files)
            case .kernel(let files): try apply(files)
            }
        }
    }

    /// What busy processes are waiting for.
    private func applyDeferred() throws {
        let records = DeferredRecords()
        let all = records.all()
        let paths = Set(all.map(\.id)).sorted().map { records.patchFile($0) }
        let patches = try paths.map { path in
            let file = try PatchFile(ByteStorage(reading: path, limit: LivePatch.Limits.fileSize))
            return PatchInput(file.patch, digest: file.id)
        }
        try apply(patches, .processes(all.map { ProcessID($0.pid) }), paths)
    }

    private func apply(_ patches: [PatchInput], _ selection: ProcessSelection, _ paths: [String]) throws {
        let options = ProcessPatcher.ApplyOptions(
            wait: waiting.wait.duration, allowReplace: replace, dryRun: dryRun, allowData: allowData,
            isAllOrNothing: group.allOrNothing, atReturn: group.atReturn, never: try never.list(),
            includesInit: never.`init`, observer: Progress().observer)
        let report = try ProcessPatcher.apply(patches, to: selection, options)
        // Only what somebody still waits for is kept.
        let isKept = report.processes.contains { $0.result == .deferred }
        let files = try zip(patches, paths).map { patch, path in
            (input: patch, file: isKept ? try FileSystem.read(path, limit: LivePatch.Limits.fileSize) : [])
        }
        // Without a place for records nothing is remembered; the report says all the same who was busy.
        try? DeferredRecords().note(report, files)
        try finish(report, output)
    }

    private func apply(_ files: [KernelPatchFile]) throws {
        guard processes.pid.isEmpty else { throw ValidationError("A patch for the kernel has no --pid.") }
        let options = KernelPatcher.Options(
            deadline: waiting.wait.duration, isForced: force, allowsReplace: replace, dryRun: dryRun,
            onProgress: KernelVerbs.progress(output))
        try KernelVerbs.apply(files, options, keeps: !once, output)
    }
}

/// Prints a report and leaves with its status.
func finish(_ report: OperationReport, _ output: OutputOptions) throws {
    if output.json { Output.json(report) } else { Output.result(OperationRendering.text(report)) }
    let status = ExitStatus(report.result)
    if status != .done { throw status.exit }
}
