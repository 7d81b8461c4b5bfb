import ELF
public import Findings
import Linux
import LivePatch

/// Why something in a process could not be found out or done; always a finding of the common table.
public struct PatcherError: DiagnosableError, Equatable {
    /// The error in common terms.
    public let finding: Finding

    /// Takes a finding.
    public init(_ finding: Finding) { self.finding = finding }

    /// Whether the process ended or became another program meanwhile.
    public var isGone: Bool { finding.code == .processGone }

    /// The process has gone.
    static func gone(_ process: ProcessID) -> PatcherError {
        PatcherError(
            Finding(
                .processGone, "process \(process) ended, or started another program, meanwhile",
                evidence: ["pid": "\(process)"]))
    }

    /// A system call on a process failed; a process that has gone meanwhile is its own finding.
    init(_ error: SystemError, _ process: ProcessID) {
        if error.isGone {
            self = .gone(process)
        } else if error.errno == .notPermitted || error.errno == .accessDenied {
            var finding = Finding(
                .processPermission, "process \(process) may not be changed by this user: \(error.errno.name)",
                evidence: ["pid": "\(process)", "call": error.call])
            finding.remedy = error.finding.remedy
            self.init(finding)
        } else {
            self.init(error.finding)
        }
    }
}

/// Runs calls of the Linux room on one process, with its errors as this room's.
func onProcess<T: ~Copyable>(_ process: ProcessID, _ body: () throws(SystemError) -> T) throws(PatcherError) -> T {
    do { return try body() } catch { throw PatcherError(error, process) }
}
