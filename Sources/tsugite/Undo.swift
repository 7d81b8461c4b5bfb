import ArgumentParser
import Console
import Linux
import LivePatch
import ProcessPatcher

/// `tsugite undo`: takes a live patch out of running processes.
struct Undo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo",
        abstract: "Take a live patch out of running processes.",
        discussion: """
            Everything that is needed is read from the processes themselves, so the patch file isn't: name the \
            patch as status shows it, by at least eight digits of its id, or by its file.

            Example:
              tsugite undo CVE-2025-23419
              tsugite undo 3f9a21c07b44 --pid 4711

            Exit status: 0 undone, 10 nothing to do, 11 partial, 12 deferred (busy), 13 blocked, 64 usage, \
            70 internal error.
            """)

    @Argument(help: "The patch's name, the start of its id, or its file.")
    var patch: String

    @OptionGroup var processes: ProcessOptions
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var group: GroupOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try reportingErrors(json: output.json) {
            let selector = try selector()
            let report = try ProcessPatcher.undo(
                selector, in: processes.selection, wait: waiting.wait.duration,
                isAllOrNothing: group.allOrNothing, atReturn: group.atReturn, observer: Progress().observer)
            // Nobody waits for it any more.
            DeferredRecords().forget(patch: selector)
            try finish(report, output)
        }
    }

    /// A file is meant if there is one of that name that isn't a plain word.
    private func selector() throws -> PatchSelector {
        guard patch.hasSuffix(".tsp") || patch.contains("/") else { return PatchSelector(patch) }
        return PatchSelector(
            try PatchFile(ByteStorage(reading: patch, limit: LivePatch.Limits.fileSize)).id)
    }
}
