public import ArgumentParser
public import Findings

/// How the command ends, as a number; the same for every verb, see docs/exit-codes.md.
///
/// Usage errors end with 64, as sysexits.h has it.
public enum ExitStatus: Int32 {
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
    /// A server can't be reached, has no such file, or is too slow.
    case network = 14
    /// What was offered isn't signed as it must be, has expired, or is older than what was seen.
    case untrusted = 15
    /// Something that should work didn't.
    case `internal` = 70

    /// Ends the command.
    public var exit: ExitCode { ExitCode(rawValue) }

    /// The status for a finding that kept a verb from doing anything.
    public init(_ finding: Finding) {
        self =
            switch finding.code {
            case .nothingToDo: .nothingToDo
            case .systemCall, .channelOrder: .internal
            case .channelNetwork, .channelNotFound, .channelSlow: .network
            case .channelMalformed, .channelSignatures, .channelExpired, .channelRollback, .channelMismatch,
                .channelTooLong:
                .untrusted
            default: .blocked
            }
    }
}
