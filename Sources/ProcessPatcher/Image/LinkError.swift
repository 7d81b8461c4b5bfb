import Findings

/// New code that can't be linked at its place.
struct LinkError: DiagnosableError, Equatable {
    /// Why.
    enum Reason: Equatable {
        /// The value doesn't fit the field.
        case overflow(value: Int64)
        /// A relocation type that isn't known, or makes no sense in new code.
        case unsupported
        /// The field reaches beyond its section.
        case outside
        /// The symbol is neither defined in the patch nor listed as external.
        case undefined
        /// It isn't known where the target's thread-local block lies.
        case threadStorage
        /// The instruction to be rewritten isn't the one the ABI prescribes.
        case instruction
    }

    let reason: Reason
    /// The relocation's type, as the psABI numbers it.
    let type: UInt32
    let symbol: String
    let section: String
    let offset: UInt64

    /// The error in common terms.
    var finding: Finding {
        let what =
            switch reason {
            case .overflow(let value): "its distance of \(value) bytes doesn't fit the instruction"
            case .unsupported: "relocation type \(type) isn't supported in new code"
            case .outside: "the relocation lies outside its section"
            case .undefined: "the symbol is neither defined nor listed as external"
            case .threadStorage: "the target's thread-local storage isn't where the patch expects it"
            case .instruction: "the thread-local access isn't the sequence that the ABI prescribes"
            }
        return Finding(
            .processRelocation, "\(symbol) can't be linked: \(what)",
            evidence: [
                "symbol": symbol, "section": section, "offset": "0x" + String(offset, radix: 16),
                "relocation": "\(type)",
            ])
    }
}
