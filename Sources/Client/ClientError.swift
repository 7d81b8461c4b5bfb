public import Findings
import Linux

/// Why a command of the client could not do what was asked; always a finding of the common table.
public struct ClientError: DiagnosableError, Equatable {
    /// The error in common terms.
    public let finding: Finding

    /// Takes a finding.
    public init(_ finding: Finding) { self.finding = finding }

    /// Makes a finding.
    init(
        _ code: FindingCode, _ message: String, _ evidence: KeyValuePairs<String, String> = [:],
        remedy: String? = nil
    ) {
        finding = Finding(code, message, evidence: evidence, remedy: remedy)
    }
}

/// Runs calls of rooms below, with their errors as this room's.
func asClient<T: ~Copyable, E: DiagnosableError>(_ body: () throws(E) -> T) throws(ClientError) -> T {
    do throws(E) { return try body() } catch { throw ClientError(error.finding) }
}
