/// One x86-64 instruction, as far as comparing code needs it: where it ends, and where the fields are that
/// depend on the place of the code.
///
/// Nothing is disassembled; the meaning of the opcode is kept only for relative branches and no-operations.
package struct Instruction: Sendable, Equatable {
    /// A field inside the instruction: offset from its first byte, and width, both in bytes.
    package struct Field: Sendable, Equatable {
        /// From the instruction's first byte.
        package var offset: Int
        /// 1, 2, 4 or 8.
        package var width: Int
    }

    /// What control flow does after the instruction.
    package enum Flow: Sendable, Equatable {
        /// Falls through.
        case next
        /// `call rel32`.
        case call
        /// `jmp rel8` or `jmp rel32`.
        case jump
        /// `jcc`: the low four bits of the opcode are the condition.
        case conditional(UInt8)
        /// `loop`, `jrcxz`: eight bits only; the opcode.
        case loop(UInt8)
        /// `ret`, `ud2`, `hlt`, indirect jump: never falls through.
        case end
    }

    /// Length in bytes, 1 to 15.
    package var length: Int
    /// Flow of control.
    package var flow: Flow = .next
    /// Distance of a relative branch, counted from the end of the instruction.
    package var branch: Field?
    /// Displacement of a memory operand.
    package var displacement: Field?
    /// Whether that displacement counts from the end of the instruction.
    package var isRelative = false
    /// Immediate operand.
    package var immediate: Field?
    /// Where the opcode's last byte stands.
    package var opcodeOffset = 0
    /// The opcode's map: the same byte means another instruction in each.
    package enum Map: Sendable, Equatable {
        /// One byte.
        case primary
        /// Behind `0f`.
        case secondary
        /// Behind `0f 38`, `0f 3a` or XOP.
        case other
        /// Behind VEX or EVEX: the registers are mostly those of vectors.
        case vector
    }
    /// Which map the opcode is of.
    package var map = Map.primary
    /// Where the bytes begin that name registers and memory (ModRM); nil if there are none.
    package var operands: Int?
    /// REX's W, R, X and B, from the top; the last three also where VEX and EVEX carry them.
    package var extensions: UInt8 = 0
    /// Whether this is one of the no-operations that assemblers fill gaps with.
    package var isPadding = false
}

/// What the matching of code needs to know about a processor.
package protocol InstructionSet {
    /// Decodes the instruction at `offset`; nil if the bytes are no whole instruction that is known.
    static func decode(_ code: [UInt8], at offset: Int) -> Instruction?
}

extension Instruction {
    /// The signed number in a field of this instruction, which starts at `offset` in `code`.
    package func value(_ field: Field, in code: [UInt8], at offset: Int) -> Int64 {
        var value: UInt64 = 0
        for index in (0..<field.width).reversed() where code.indices.contains(offset + field.offset + index) {
            value = value << 8 | UInt64(code[offset + field.offset + index])
        }
        let unused = 64 - 8 * field.width
        return Int64(bitPattern: value << UInt64(unused)) >> Int64(unused)
    }

    /// Where a relative branch goes, as an offset into `code` (perhaps outside of it).
    package func branchTarget(in code: [UInt8], at offset: Int) -> Int? {
        branch.map { offset + length + Int(value($0, in: code, at: offset)) }
    }
}
