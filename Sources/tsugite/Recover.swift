import ArgumentParser
import Console
import ProcessPatcher

/// `tsugite recover`: finishes what a killed command left.
struct Recover: ParsableCommand {
    static let configuration = CommandConfiguration(
        _superCommandName: Tsugite.name,
        abstract: "Finish, or take back, what a killed command left half-way.",
        discussion: """
            A command that is killed at any instant leaves each process whole, and a journal in it that says how \
            far it got. Every other command puts that right for the processes that it deals with; this one does it \
            for all, and does nothing else. What was meant to happen to a group of processes together is finished \
            in all of them or taken back in all of them.

            Example:
              tsugite recover

            Exit status: 0 something was put right, 10 nothing to do, 11 partial, 12 deferred (busy), 13 blocked, \
            64 usage, 70 internal error.
            """)

    @OptionGroup var processes: ProcessOptions
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try reportingErrors(json: output.json) {
            let report = try ProcessPatcher.recover(
                processes.selection, wait: waiting.wait.duration, observer: Progress().observer)
            try finish(report, output)
        }
    }
}
