package import Findings

/// Why a stage of the builder ended without a result.
///
/// Refusals ("this diff changes assembly") and failures ("the tree doesn't build") alike carry a finding.
package struct BuildError: DiagnosableError, Equatable {
    /// Code, evidence and remedy.
    package var finding: Finding

    /// Wraps a finding.
    package init(_ finding: Finding) { self.finding = finding }

    /// Makes the finding in place.
    package init(
        _ code: FindingCode, _ message: String, evidence: KeyValuePairs<String, String> = [:],
        remedy: String? = nil
    ) {
        finding = Finding(code, message, evidence: evidence, remedy: remedy)
    }

    /// Adds one fact at the end of the evidence.
    package func adding(_ name: String, _ value: String) -> BuildError {
        var copy = self
        copy.finding.evidence.append(Finding.Evidence(name, value))
        return copy
    }
}
