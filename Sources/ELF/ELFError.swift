public import Findings

/// A file or object that breaks the ELF specification, or uses a part of it that we don't read.
public struct ELFError: DiagnosableError, Equatable, Sendable {
    /// What is wrong.
    public enum Kind: String, Sendable, Codable {
        /// A structure reaches beyond the end of the file.
        case truncated
        /// The magic number isn't there.
        case notELF
        /// 32-bit, big-endian, or another version of the format.
        case unsupported
        /// A count, size or index contradicts another one.
        case inconsistent
        /// A string table entry without an end.
        case unterminatedString
        /// A compressed section that can't be expanded.
        case compression
        /// Memory that a process doesn't have, or that we may not read.
        case unreadable
    }

    /// What is wrong.
    public let kind: Kind
    /// Offset from the start of the file, in bytes; for what is found by address, the address.
    public let offset: UInt64
    /// Which structure, in words.
    public let what: String

    /// Makes an error at an offset from the start of the file.
    public init(_ kind: Kind, at offset: UInt64, _ what: String) {
        self.kind = kind
        self.offset = offset
        self.what = what
    }

    /// The error in common terms.
    public var finding: Finding {
        Finding(
            .elfMalformed, "malformed ELF data: \(kind.rawValue): \(what)",
            evidence: ["offset": "0x" + String(offset, radix: 16), "structure": what])
    }
}
