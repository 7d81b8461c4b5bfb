/// A stable code for one kind of refusal or failure, such as `USR-BUSY`.
///
/// Codes are open-ended on the wire: an unknown code from a newer version is kept as text.
public struct FindingCode: RawRepresentable, Hashable, Sendable, Codable {
    /// The code as printed.
    public let rawValue: String

    /// Takes any text; ``entry`` tells whether this version knows it.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// One row of the table of codes.
    public struct Entry: Sendable {
        /// The code of this row.
        public let code: FindingCode
        /// What it means, in one sentence.
        public let meaning: String
        /// What to do about it in general; an error that knows more says more.
        public let remedy: String
    }

    /// The row for this code; for an unknown code a row that says so.
    public var entry: Entry {
        Self.table.first { $0.code == self }
            ?? Entry(code: self, meaning: "unknown to this version of tsugite", remedy: "")
    }
}
