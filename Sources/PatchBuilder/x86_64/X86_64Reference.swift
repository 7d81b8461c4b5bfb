import ELF

/// How wide the field of a relocation is, and whether it counts from its own place (psABI, table 4.9).
enum ReferenceForm {
    /// Width of the field in bytes; 0 for marks that fill nothing in.
    static func width(_ type: UInt32) -> Int {
        switch X86_64Relocation(rawValue: type) {
        case .abs64, .pc64, .gotoff64, .got64, .gotpcrel64, .gotpc64, .pltoff64, .size64, .dtpmod64, .dtpoff64,
            .tpoff64, .globDat, .jumpSlot, .relative, .irelative:
            8
        case .tlsdesc: 16
        case .abs16, .pc16: 2
        case .abs8, .pc8: 1
        case .some(.none), .tlsdescCall, .copy: 0
        default: 4
        }
    }

    /// Whether the value counts from the place of the field.
    static func isRelative(_ type: UInt32) -> Bool {
        switch X86_64Relocation(rawValue: type) {
        case .pc32, .plt32, .pc64, .pc16, .pc8, .gotpcrel, .gotpcrelx, .rexGotpcrelx, .gotpcrel64, .gottpoff,
            .tlsgd,
            .tlsld, .gotpc32Tlsdesc, .gotpc32, .gotpc64:
            true
        default: false
        }
    }

    /// Whether the field leads to a slot of the GOT that holds the address, not to the thing itself.
    static func isThroughGOT(_ type: UInt32) -> Bool {
        switch X86_64Relocation(rawValue: type) {
        case .gotpcrel, .gotpcrelx, .rexGotpcrelx, .gotpcrel64, .got64, .got32: true
        default: false
        }
    }

    /// Whether the reference is about a thread-local variable.
    static func isThreadLocal(_ type: UInt32) -> Bool {
        switch X86_64Relocation(rawValue: type) {
        case .tlsgd, .tlsld, .dtpoff32, .dtpoff64, .gottpoff, .tpoff32, .tpoff64, .gotpc32Tlsdesc, .tlsdescCall,
            .tlsdesc, .dtpmod64:
            true
        default: false
        }
    }
}
