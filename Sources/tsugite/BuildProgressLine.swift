import Console
import Glibc
import PatchBuilder
import Synchronization

/// Shows the builder's progress: one line that changes on a terminal, one line per stage otherwise.
final class BuildProgressLine: Sendable {
    private let isQuiet: Bool
    private let isTerminal: Bool
    private let last = Mutex<BuildStage?>(nil)

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
        isTerminal = Output.isTerminal
    }

    /// Shows one step.
    func show(_ step: BuildProgress) {
        guard !isQuiet else { return }
        last.withLock { last in
            let number = step.stage.position + 1
            if isTerminal {
                let share = step.fraction.map { " \(Int($0 * 100)) %" } ?? ""
                let text = "[\(number)/\(BuildStage.allCases.count)] \(step.stage.rawValue): \(step.detail)\(share)"
                Output.line(String(text.prefix(width)))
            } else if last != step.stage {
                Output.note("[\(number)/\(BuildStage.allCases.count)] \(step.stage.rawValue): \(step.detail)")
            }
            last = step.stage
        }
    }

    /// Shows a step that has no number.
    func show(_ step: String) {
        guard !isQuiet else { return }
        if isTerminal { Output.line(String(step.prefix(width))) } else { Output.note(step) }
    }

    /// Wipes the line.
    func finish() {
        if !isQuiet, isTerminal { Output.line("") }
    }

    private var width: Int {
        var size = winsize()
        // `size` is a local of the type that this request fills.
        guard unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 79 }
        return Int(size.ws_col) - 1
    }
}
