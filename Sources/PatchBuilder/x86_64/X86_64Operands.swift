/// The registers and the memory that one x86-64 instruction names, from its ModRM and SIB bytes.
///
/// Which of them is read and which is written depends on the opcode, and is the caller's affair.
struct X86_64Operands {
    /// How the opcode is to be read.
    enum Map { case primary, secondary, other }

    private(set) var map = Map.primary
    /// The opcode's last byte.
    let opcode: UInt8
    /// The register field, or a part of the opcode.
    private(set) var register: Int?
    /// The second operand, if it is a register.
    private(set) var second: Int?
    /// Registers of the memory operand.
    private(set) var base: Int?
    private(set) var index: Int?
    /// What the index is multiplied by.
    private(set) var scale = 1
    /// Whether one operand is in memory.
    private(set) var hasMemory = false
    /// Whether it works on 64 bits (REX.W).
    private(set) var isWide = false
    /// Whether registers are those of vectors.
    private(set) var isVector = false

    /// Reads an instruction that was decoded.
    init(_ instruction: Instruction, in code: [UInt8], at start: Int) {
        let place = start + instruction.opcodeOffset
        opcode = code[place]
        var at = start
        while at < place, ![0xc4, 0xc5, 0x62, 0x0f].contains(code[at]), !(0x40...0x4f).contains(code[at]) {
            at += 1
        }
        // R, X, B and W of REX or of its inverted likes.
        var high = (register: 0, index: 0, base: 0)
        let lead = at <= place ? code[at] : 0
        switch lead {
        case 0xc5 where at < place:
            (map, isVector) = (.other, true)
            high.register = code[at + 1] & 0x80 == 0 ? 8 : 0
        case 0xc4 where at < place, 0x62 where at < place:
            (map, isVector) = (.other, true)
            high = (
                code[at + 1] & 0x80 == 0 ? 8 : 0, code[at + 1] & 0x40 == 0 ? 8 : 0, code[at + 1] & 0x20 == 0 ? 8 : 0
            )
        default:
            if (0x40...0x4f).contains(lead), at < place {
                high = (lead & 4 != 0 ? 8 : 0, lead & 2 != 0 ? 8 : 0, lead & 1 != 0 ? 8 : 0)
                isWide = lead & 8 != 0
                at += 1
            }
            if at < place, code[at] == 0x0f { map = place - at == 1 ? .secondary : .other }
        }
        guard hasModRM else {
            if map == .primary, (0x50...0x5f).contains(opcode) || (0xb0...0xbf).contains(opcode) {
                register = Int(opcode & 7) + high.base
            }
            return
        }
        guard place + 1 < start + instruction.length else { return }
        let modRM = code[place + 1]
        register = Int(modRM >> 3 & 7) + high.register
        if modRM >> 6 == 3 {
            second = Int(modRM & 7) + high.base
            return
        }
        hasMemory = true
        if modRM & 7 != 4 {
            if modRM >> 6 != 0 || modRM & 7 != 5 { base = Int(modRM & 7) + high.base }
        } else if place + 2 < start + instruction.length {
            let sib = code[place + 2]
            if sib & 7 != 5 || modRM >> 6 != 0 { base = Int(sib & 7) + high.base }
            let number = Int(sib >> 3 & 7) + high.index
            if number != 4 { index = number }
            scale = 1 << Int(sib >> 6)
        }
    }

    /// Whether any operand is, or is addressed by, a register.
    func names(_ number: Int) -> Bool {
        if base == number || index == number { return true }
        return !isVector && (register == number || second == number)
    }

    private var hasModRM: Bool {
        switch map {
        case .other: return true
        case .secondary:
            switch opcode {
            case 0x05...0x09, 0x0b, 0x30...0x37, 0x77, 0x80...0x8f, 0xa0...0xa2, 0xa8...0xaa, 0xc8...0xcf:
                return false
            default: return true
            }
        case .primary:
            switch opcode {
            case 0...0x3f: return opcode & 7 < 4
            case 0x63, 0x69, 0x6b, 0x80...0x8f, 0xc0, 0xc1, 0xc6, 0xc7, 0xd0...0xd3, 0xd8...0xdf, 0xf6, 0xf7, 0xfe,
                0xff:
                return true
            default: return false
            }
        }
    }
}
