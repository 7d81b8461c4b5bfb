import ArgumentParser
import Findings
import ProcessPatcher

/// How the command ends, as a number; the same for every verb, see docs/exit-codes.md.
///
/// Usage errors end with 64, as sysexits.h has it.
enum ExitStatus: Int32 {
    /// All that was asked for.
    case done = 0
    /// Nothing had to be done.
    case nothingToDo = 10
    /// Some of it; the list says which.
    case partial = 11
    /// Not yet: somebody is busy; the list says who.
    case deferred = 12
    /// Refused, with code, evidence and remedy.
    case blocked = 13
    /// Something that should work didn't.
    case `internal` = 70

    /// Ends the command.
    var exit: ExitCode { ExitCode(rawValue) }

    /// The status for a finding that kept a verb from doing anything.
    init(_ finding: Finding) {
        self =
            switch finding.code {
            case .nothingToDo: .nothingToDo
            case .systemCall: .internal
            default: .blocked
            }
    }

    /// The status for what an operation came to.
    init(_ result: OperationReport.Result) {
        self =
            switch result {
            case .applied: .done
            case .nothingToDo: .nothingToDo
            case .partial: .partial
            case .deferred: .deferred
            case .blocked: .blocked
            }
    }
}
