public import Findings
import KernelImage
import Linux

/// The running kernel couldn't be asked.
public struct KernelPatcherError: DiagnosableError, Equatable, Sendable {
    /// Code, evidence and remedy.
    public let finding: Finding

    /// Wraps a finding.
    public init(_ finding: Finding) { self.finding = finding }
}

/// Runs a call of the system, and turns its error into this room's.
func system<T>(_ body: () throws(SystemError) -> T) throws(KernelPatcherError) -> T {
    do { return try body() } catch { throw KernelPatcherError(error.finding) }
}

/// Reads what the kernel says about itself, and turns errors into this room's.
func image<T>(_ body: () throws(KernelImageError) -> T) throws(KernelPatcherError) -> T {
    do { return try body() } catch { throw KernelPatcherError(error.finding) }
}
