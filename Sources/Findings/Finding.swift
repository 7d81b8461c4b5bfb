/// What every refusal and failure carries: a stable code, what happened, the evidence, and the way out.
///
/// A finding is a value: it is compared in tests, printed as one paragraph by the commands, and encoded
/// as it stands in `--json` output. Errors of all rooms convert to it through ``DiagnosableError``.
public struct Finding: Error, Sendable, Equatable, Codable {
    /// Stable code from the table in ``FindingCode``; never renumbered, never reused.
    public var code: FindingCode
    /// One sentence: what happened, to which object.
    public var message: String
    /// Facts gathered on the spot, in the order they should be read.
    public var evidence: [Evidence]
    /// The exact next step, where possible a command.
    ///
    /// Defaults to the table's general remedy.
    public var remedy: String

    /// One named fact: `offset = 0x1234`.
    public struct Evidence: Sendable, Equatable, Codable {
        /// What was looked at, in lower case words: `pid`, `function`, `expected`.
        public var name: String
        /// What was seen, ready to print.
        public var value: String

        /// Makes one named fact.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Makes a finding; without `remedy`, the table's general remedy for the code is used.
    public init(
        _ code: FindingCode, _ message: String, evidence: KeyValuePairs<String, String> = [:],
        remedy: String? = nil
    ) {
        self.code = code
        self.message = message
        self.evidence = evidence.map { Evidence($0.key, $0.value) }
        self.remedy = remedy ?? code.entry.remedy
    }
}

extension Finding: CustomStringConvertible {
    /// One paragraph: message, code, evidence, remedy.
    public var description: String {
        var text = "\(message) [\(code.rawValue)]"
        if !evidence.isEmpty {
            text += "\n  " + evidence.map { "\($0.name): \($0.value)" }.joined(separator: "\n  ")
        }
        if !remedy.isEmpty { text += "\n  remedy: \(remedy)" }
        return text
    }
}

/// An error that can say what happened in the common terms.
public protocol DiagnosableError: Error {
    /// The same error as code, evidence and remedy.
    var finding: Finding { get }
}

extension Finding: DiagnosableError {
    /// Itself.
    public var finding: Finding { self }
}
