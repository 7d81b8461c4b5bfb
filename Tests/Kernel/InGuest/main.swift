import Findings
import Glibc
import KernelPatcher
import Linux
import LivePatch

// kernel-in-guest apply FILE [SECONDS] | undo MODULE [SECONDS] | check FILE | show | pause
//
// One line for the outcome, then what belongs to it. Exit status: 0 done, 2 nothing to do, 3 refused, 4 stalled.

func file(_ path: String) throws -> KernelPatchFile { try KernelPatchFile(try FileSystem.read(path)) }

func options(_ arguments: [String]) -> KernelPatcher.Options {
    KernelPatcher.Options(deadline: .seconds(arguments.count > 3 ? Int(arguments[3]) ?? 60 : 60))
}

func report(_ outcome: KernelOutcome) -> Int32 {
    func line(_ word: String, _ report: KernelReport) {
        print(
            "\(word) \(report.module) in \(report.seconds) s, unloaded \(report.unloaded), waiting \(report.waiting)"
        )
    }
    switch outcome {
    case .applied(let done):
        line("APPLIED", done)
        return 0
    case .undone(let done):
        line("UNDONE", done)
        return 0
    case .nothingToDo(let reason):
        print("NOTHING \(reason)")
        return 2
    case .refused(let findings):
        for finding in findings { print("REFUSED \(finding)") }
        return 3
    case .stalled(let stalled, let wasReversed):
        print("STALLED reversed \(wasReversed): \(stalled.stalled)")
        return 4
    }
}

let arguments = CommandLine.arguments
let patcher = KernelPatcher()
do {
    switch arguments.dropFirst().first {
    case "apply" where arguments.count > 2:
        exit(report(try patcher.apply(try file(arguments[2]), options(arguments))))
    case "undo" where arguments.count > 2: exit(report(try patcher.undo(arguments[2], options(arguments))))
    case "check" where arguments.count > 2:
        let findings = try patcher.check(try file(arguments[2]).patch).findings
        for finding in findings { print(finding) }
        exit(findings.isEmpty ? 0 : 3)
    // Sleeps in a system call until a signal comes, to hold a transition up.
    case "pause": pause()
    case "show":
        for patch in try patcher.patches() {
            print(
                "\(patch.module) enabled=\(patch.isEnabled) transition=\(patch.isInTransition) \(patch.functions.count) functions"
            )
        }
    default: exit(64)
    }
} catch {
    print("ERROR \((error as? any DiagnosableError)?.finding.description ?? "\(error)")")
    exit(1)
}
