import ArgumentParser
import Console
import ELF
import KernelPatcher
import Linux
import LivePatch
import ProcessPatcher

/// `tsugite undo`: takes a live patch out of running processes, or out of the running kernel.
struct Undo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo", _superCommandName: Tsugite.name,
        abstract: "Take a live patch out of running processes, or out of the running kernel.",
        discussion: """
            Everything that is needed is read from the processes themselves, so the patch file isn't: name the \
            patch as status shows it, by at least eight digits of its id, or by its file.

            If the word or the file means a patch of the running kernel, that one is taken out, and not applied \
            at the next boot either.

            The memory of the new code stays, because the process may have kept addresses of it, and is used again \
            when the same patch comes back. With --release it is given back where a search of the whole process, \
            under a stop of its own, finds nothing that leads there; where it stays, the reason is printed.

            Example:
              tsugite undo CVE-2025-23419
              tsugite undo CVE-2026-23111-kernel --wait 60s
              tsugite undo 3f9a21c07b44 --pid 4711

            Exit status: 0 undone, 10 nothing to do, 11 partial, 12 deferred (busy), 13 blocked, 64 usage, \
            70 internal error.
            """)

    @Argument(help: "The patch's name, the start of its id, or its file.")
    var patch: String

    @Flag(help: "Give back the memory of the new code, too, wherever nothing leads there any more.")
    var release = false

    @OptionGroup var processes: ProcessOptions
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var group: GroupOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try reportingErrors(json: output.json) {
            let modules = try processes.selection == .all ? kernelModules() : []
            if !modules.isEmpty {
                let options = KernelPatcher.Options(
                    deadline: waiting.wait.duration, onProgress: KernelVerbs.progress(output))
                return try KernelVerbs.undo(modules, options, output)
            }
            let selector = try selector()
            let report = try ProcessPatcher.undo(
                selector, in: processes.selection, wait: waiting.wait.duration,
                isAllOrNothing: group.allOrNothing, atReturn: group.atReturn, releasing: release,
                observer: Progress().observer)
            // Nobody waits for it any more.
            DeferredRecords().forget(patch: selector)
            try finish(report, output)
        }
    }

    /// The kernel patches that are meant.
    private func kernelModules() throws -> [String] {
        guard isFile else { return try KernelVerbs.modules(patch) }
        let bytes = try ByteStorage(reading: patch, limit: LivePatch.Limits.fileSize)
        guard try PatchFiles.isForKernel(bytes) else { return [] }
        return [try KernelPatchFile(ByteView(bytes).bytes).patch.module]
    }

    private var isFile: Bool { patch.hasSuffix(".tsp") || patch.contains("/") }

    /// A file is meant if there is one of that name that isn't a plain word.
    private func selector() throws -> PatchSelector {
        guard isFile else { return PatchSelector(patch) }
        return PatchSelector(
            try PatchFile(ByteStorage(reading: patch, limit: LivePatch.Limits.fileSize)).id)
    }
}
