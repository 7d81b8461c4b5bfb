/// The registers and the memory that one x86-64 instruction names, from its ModRM and SIB bytes.
///
/// Which of them is read and which is written depends on the opcode, and is the caller's affair.
struct X86_64Operands {
    private let map: Instruction.Map
    private let opcode: UInt8
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
    let isWide: Bool

    /// Reads an instruction that was decoded.
    init(_ instruction: Instruction, in code: [UInt8], at start: Int) {
        map = instruction.map
        opcode = code[start + instruction.opcodeOffset]
        let bits = Int(instruction.extensions)
        isWide = bits & 8 != 0
        // What each bit adds to a number of three bits.
        let (high, highIndex, highBase) = (bits << 1 & 8, bits << 2 & 8, bits << 3 & 8)
        guard let place = instruction.operands.map({ start + $0 }) else {
            if map == .primary, (0x50...0x5f).contains(opcode) || (0xb0...0xbf).contains(opcode) {
                register = Int(opcode & 7) + highBase
            }
            return
        }
        let modRM = code[place]
        register = Int(modRM >> 3 & 7) + high
        if modRM >> 6 == 3 {
            second = Int(modRM & 7) + highBase
            return
        }
        hasMemory = true
        if modRM & 7 != 4 {
            if !instruction.isRelative { base = Int(modRM & 7) + highBase }
            return
        }
        let sib = code[place + 1]
        if sib & 7 != 5 || modRM >> 6 != 0 { base = Int(sib & 7) + highBase }
        let number = Int(sib >> 3 & 7) + highIndex
        if number != 4 { index = number }
        scale = 1 << Int(sib >> 6)
    }

    /// Whether it is the instruction of one byte's opcode.
    func isPrimary(_ wanted: UInt8) -> Bool { map == .primary && opcode == wanted }

    /// `lea`.
    var takesAddress: Bool { isPrimary(0x8d) }

    /// `jmp` through a register or memory.
    var isIndirectJump: Bool { isPrimary(0xff) && register.map { $0 & 7 } == 4 }

    /// Whether any operand is, or is addressed by, a register.
    func names(_ number: Int) -> Bool {
        if base == number || index == number { return true }
        return map != .vector && (register == number || second == number)
    }
}
