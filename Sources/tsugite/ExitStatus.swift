import ArgumentParser

/// How the command ends, as a number; the same for every verb. Usage errors end with 64, as sysexits.h has it.
enum ExitStatus: Int32 {
    /// All that was asked for.
    case done = 0
    /// It could not be found out, or something broke; see the finding.
    case failed = 1
    /// Some of it; the list says which.
    case partial = 3
    /// Nothing had to be done.
    case nothingToDo = 4
    /// Not yet: somebody is busy; the list says who.
    case deferred = 5
    /// Refused, with code, evidence and remedy.
    case blocked = 6

    /// Ends the command.
    var exit: ExitCode { ExitCode(rawValue) }
}
