import ArgumentParser
import Client
import Console
import Findings
import KernelPatcher

/// `tsugite kernel`: what the machine itself runs around kernel patches, at boot and beside it.
struct KernelCommands: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernel", abstract: "Apply kept kernel patches at boot, watch, verify, import.",
        discussion: """
            systemd runs replay, confirm and watch; see tsugite-kernel.service. Kernel patches themselves are applied, undone and shown \
            by the same verbs as patches for processes: apply, undo, status, inspect.
            """,
        subcommands: [Replay.self, Confirm.self, Watch.self, Verify.self, Import.self])

    /// `tsugite kernel replay`.
    struct Replay: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Apply the kept kernel patches to the kernel that was just booted.",
            discussion: """
                Only patches for exactly this kernel are applied. A set with which the machine died isn't: at once \
                if the firmware kept a log with the patch in its trace, otherwise after two boots that ended \
                without a word.

                EXAMPLE
                  tsugite kernel replay

                EXIT STATUS
                  0 applied    10 nothing is kept for this kernel    11 some    12 deferred    13 blocked or suspended
                """)
        @OptionGroup var waiting: WaitOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            try reportingErrors(json: output.json) {
                let reports = try KernelReplay().run(KernelPatcher.Options(deadline: waiting.wait.duration))
                try EffectiveFile.update()
                try KernelVerbs.finish(KernelOperation("replay", reports), output)
            }
        }
    }

    /// `tsugite kernel confirm`.
    struct Confirm: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that the machine lives on with the kernel patches of this boot.",
            discussion: """
                Run ten minutes after the boot, and at an orderly shutdown. Without it, a boot that ends counts \
                against the set.

                EXAMPLE
                  tsugite kernel confirm

                EXIT STATUS
                  0 noted    10 there was nothing to note
                """)
        @OptionGroup var output: OutputOptions

        func run() throws {
            try reportingErrors(json: output.json) {
                guard try KernelReplay().confirm() else { throw ExitStatus.nothingToDo.exit }
            }
        }
    }

    /// `tsugite kernel watch`.
    struct Watch: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Report errors of the kernel in which a live patch had a part, as they come.",
            discussion: """
                Reads the kernel's log, from its start on. The policy is kernel_oops in /etc/tsugite/tsugite.yaml: \
                with undo, the default, the patch is taken out at once, and isn't applied at the next boot either; \
                with warn it stays. --undo and --no-undo decide for this run.

                EXAMPLE
                  tsugite kernel watch --no-undo

                EXIT STATUS
                  0 with --once, an error was reported    13 the log can't be read
                """)
        @Flag(inversion: .prefixedNo, help: "Take the patch out, whatever the configuration says; or don't.")
        var undo: Bool?
        @Flag(help: "End after the first error.")
        var once = false
        @OptionGroup var output: OutputOptions

        private struct Line: Encodable {
            var schema = "tsugite.kernel-oops/1"
            let oops: KernelOops
            let undone: KernelReport?
        }

        func run() throws {
            try reportingErrors(json: output.json) {
                let undoes = try undo ?? (Configuration.load(Paths().configuration).kernelOops == .undo)
                try KernelWatch().run(undoes: undoes) { oops, undone in
                    if output.json {
                        Output.json(Line(oops: oops, undone: undone))
                    } else {
                        Output.result("\(oops.finding)")
                        if let undone { Output.result(KernelOperation("undo", [undone]).text) }
                    }
                    if let undone { _ = try? KernelStore().drop(module: undone.module) }
                    return !once
                }
            }
        }
    }
}
