public import ELF
public import Findings

/// A patch file that can't be used; nothing was done with it.
public struct PatchFileError: DiagnosableError, Equatable, Sendable {
    /// What is wrong.
    public enum Kind: Sendable, Equatable {
        /// The file as an ELF object is malformed.
        case elf(ELFError)
        /// A table is truncated, out of range, or contradicts another one.
        case malformed
        /// The format's version isn't known.
        case version(UInt32)
        /// Made for another processor.
        case architecture(Machine)
    }

    /// What is wrong.
    public let kind: Kind
    /// Where, in words.
    public let what: String

    /// Makes an error.
    public init(_ kind: Kind, _ what: String) {
        self.kind = kind
        self.what = what
    }

    /// The error in common terms.
    public var finding: Finding {
        switch kind {
        case .elf(let error):
            Finding(
                .patchMalformed, "not a usable patch file: \(error.what)",
                evidence: ["defect": error.kind.rawValue, "offset": "0x" + String(error.offset, radix: 16)])
        case .malformed:
            Finding(.patchMalformed, "not a usable patch file: \(what)")
        case .version(let version):
            Finding(
                .patchVersion, "the patch file has format version \(version)",
                evidence: ["known": "\(TableCoding.version)"])
        case .architecture(let machine):
            Finding(
                .patchArchitecture, "the patch is for machine \(machine.rawValue), not for this one",
                evidence: ["machine": "\(machine.rawValue)"])
        }
    }
}
