import ELF

/// What new code does with a symbol that it doesn't define; decides where the symbol is found.
///
/// One symbol may be used in several ways (called here, its address taken there); the patch then holds one
/// undefined symbol for each way.
package enum SymbolUse: String, Sendable, Codable {
    /// Branches to it: a PLT stub is as good as the function.
    case call
    /// Takes its address or reads it: only the real place will do.
    case address
    /// Thread-local.
    case threadLocal = "thread-local"

    /// What a reference does, from its relocation and the instruction in front of its field.
    init(_ reference: Reference, in section: ObjectSection) {
        if ReferenceForm.isThreadLocal(reference.type) {
            self = .threadLocal
        } else if reference.type == X86_64Relocation.plt32.rawValue {
            self = .call
        } else if section.isCode, reference.type == X86_64Relocation.pc32.rawValue,
            Self.isBranch(section.contents, reference.offset)
        {
            self = .call
        } else {
            self = .address
        }
    }

    /// Whether a field at `offset` is the distance of a call or jump.
    private static func isBranch(_ code: [UInt8], _ offset: Int) -> Bool {
        guard offset >= 1 else { return false }
        if code[offset - 1] == 0xe8 || code[offset - 1] == 0xe9 { return true }
        return offset >= 2 && code[offset - 2] == 0x0f && code[offset - 1] & 0xf0 == 0x80
    }
}
