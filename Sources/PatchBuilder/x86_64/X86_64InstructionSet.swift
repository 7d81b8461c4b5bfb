// The length of an x86-64 instruction, from the opcode maps of the Intel manual, volume 2, appendix A.
//
//   prefixes* [REX | VEX | EVEX] opcode(1-3) [ModRM [SIB] [displacement]] [immediate]
//
// What follows an opcode is one of few forms, so each map is a function from opcode to `Form`. The walk is
// in one pass and refuses (nil) what the manual leaves undefined; callers treat that as "can't tell".

/// x86-64 in 64-bit mode.
package enum X86_64InstructionSet: InstructionSet {
    /// What stands behind an opcode.
    enum Form {
        case invalid
        /// Nothing.
        case bare
        /// An immediate of that many bytes.
        case immediate(Int)
        /// An immediate of the operand's size, four bytes at most.
        case immediateZ
        /// An immediate of the operand's full size.
        case immediateV
        /// An absolute address.
        case address
        /// A branch distance of that many bytes.
        case relative(Int)
        /// ModRM, and an immediate of that many bytes.
        case modRM(Int)
        /// ModRM, and an immediate of the operand's size.
        case modRMZ
        /// ModRM; an immediate only for `test` (`reg` 0 and 1); byte or operand sized.
        case modRMTest(isByte: Bool)
    }

    package static func decode(_ code: [UInt8], at start: Int) -> Instruction? {
        var cursor = Cursor(code: code, start: start)
        return cursor.decode()
    }

    /// One-byte opcodes.
    static func primary(_ op: UInt8) -> Form {
        switch op {
        case 0x00...0x3f:
            switch op & 7 {
            case 0...3: .modRM(0)
            case 4: .immediate(1)
            case 5: .immediateZ
            default: .invalid
            }
        case 0x50...0x5f, 0x90...0x99, 0x9b...0x9f, 0xa4...0xa7, 0xaa...0xaf: .bare
        case 0x63, 0x84...0x8f, 0xd0...0xd3, 0xd8...0xdf, 0xfe, 0xff: .modRM(0)
        case 0x68, 0xa9: .immediateZ
        case 0x69, 0x81, 0xc7: .modRMZ
        case 0x6a, 0xa8, 0xb0...0xb7, 0xcd, 0xe4...0xe7: .immediate(1)
        case 0x6b, 0x80, 0x83, 0xc0, 0xc1, 0xc6: .modRM(1)
        case 0x6c...0x6f, 0xc3, 0xc9, 0xcb, 0xcc, 0xcf, 0xd7, 0xec...0xef, 0xf1, 0xf4, 0xf5, 0xf8...0xfd: .bare
        case 0x70...0x7f, 0xe0...0xe3, 0xeb: .relative(1)
        case 0xa0...0xa3: .address
        case 0xb8...0xbf: .immediateV
        case 0xc2, 0xca: .immediate(2)
        case 0xc8: .immediate(3)
        case 0xe8, 0xe9: .relative(4)
        case 0xf6: .modRMTest(isByte: true)
        case 0xf7: .modRMTest(isByte: false)
        default: .invalid
        }
    }

    /// Opcodes behind `0f`.
    static func secondary(_ op: UInt8) -> Form {
        switch op {
        case 0x05...0x09, 0x0b, 0x0e, 0x30...0x35, 0x37, 0x77, 0xa0...0xa2, 0xa8...0xaa, 0xc8...0xcf: .bare
        case 0x04, 0x0a, 0x0c, 0x24...0x27, 0x36, 0x39, 0x3b...0x3f: .invalid
        case 0x0f, 0x70...0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4...0xc6: .modRM(1)
        case 0x80...0x8f: .relative(4)
        default: .modRM(0)
        }
    }

    /// The walk over one instruction's bytes.
    private struct Cursor {
        let code: [UInt8]
        let start: Int
        var at: Int
        var hasOperandPrefix = false
        var hasAddressPrefix = false
        var hasRepeatPrefix = false
        var rex: UInt8 = 0
        var result = Instruction(length: 0)

        init(code: [UInt8], start: Int) {
            self.code = code
            self.start = start
            at = start
        }

        var isWide: Bool { rex & 8 != 0 }

        mutating func next() -> UInt8? {
            guard at >= 0, at < code.count, at - start < 15 else { return nil }
            defer { at += 1 }
            return code[at]
        }

        mutating func decode() -> Instruction? {
            guard let op = prefixes() else { return nil }
            result.opcodeOffset = at - 1 - start
            result.extensions = rex & 0xf
            let done: Bool
            switch op {
            case 0x0f: done = escape()
            case 0xc4, 0xc5: done = vex(op)
            case 0x62: done = evex()
            case 0x8f where at < code.count && code[at] & 0x1f >= 8: done = xop()
            default: done = primary(op)
            }
            guard done, at - start <= 15, at <= code.count else { return nil }
            result.length = at - start
            return result
        }

        /// Legacy prefixes and REX; returns the first opcode byte.
        mutating func prefixes() -> UInt8? {
            while let byte = next() {
                switch byte {
                case 0x66: hasOperandPrefix = true
                case 0x67: hasAddressPrefix = true
                case 0xf2, 0xf3: hasRepeatPrefix = true
                case 0xf0, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65: break
                case 0x40...0x4f:
                    rex = byte
                    continue
                default: return byte
                }
                // A REX prefix counts only directly in front of the opcode.
                rex = 0
            }
            return nil
        }

        mutating func primary(_ op: UInt8) -> Bool {
            switch op {
            case 0xe8: result.flow = .call
            case 0xe9, 0xeb: result.flow = .jump
            case 0x70...0x7f: result.flow = .conditional(op & 0xf)
            case 0xe0...0xe3: result.flow = .loop(op)
            case 0xc2, 0xc3, 0xca, 0xcb, 0xcf, 0xf4: result.flow = .end
            case 0xff where at < code.count && (code[at] >> 3) & 6 == 4: result.flow = .end
            case 0x90 where !hasRepeatPrefix && rex & 1 == 0: result.isPadding = true
            case 0xcc: result.isPadding = true
            // `lea 0(%rsi),%rsi` and its like are fillers of older assemblers; nothing to gain from them.
            default: break
            }
            return take(X86_64InstructionSet.primary(op))
        }

        mutating func escape() -> Bool {
            guard let op = next() else { return false }
            result.opcodeOffset = at - 1 - start
            result.map = .secondary
            switch op {
            case 0x38, 0x3a:
                guard next() != nil else { return false }
                result.opcodeOffset = at - 1 - start
                result.map = .other
                return take(.modRM(op == 0x3a ? 1 : 0))
            case 0x80...0x8f: result.flow = .conditional(op & 0xf)
            case 0x0b: result.flow = .end
            case 0x1f: result.isPadding = true
            default: break
            }
            return take(X86_64InstructionSet.secondary(op))
        }

        mutating func vex(_ first: UInt8) -> Bool {
            guard let payload = next() else { return false }
            var map: UInt8 = 1
            // R, X and B are stored inverted; the short form has only R.
            result.extensions = ~payload >> 5 & (first == 0xc4 ? 7 : 4)
            if first == 0xc4 {
                map = payload & 0x1f
                guard next() != nil else { return false }
            }
            return vectorOpcode(map: map)
        }

        mutating func evex() -> Bool {
            guard let payload = next(), next() != nil, next() != nil else { return false }
            result.extensions = ~payload >> 5 & 7
            return vectorOpcode(map: payload & 7)
        }

        mutating func vectorOpcode(map: UInt8) -> Bool {
            guard let op = next() else { return false }
            result.opcodeOffset = at - 1 - start
            result.map = .vector
            switch map {
            case 1:
                if op == 0x77 { return true }
                let hasImmediate = (0x70...0x73).contains(op) || op == 0xc2 || (0xc4...0xc6).contains(op)
                return take(.modRM(hasImmediate ? 1 : 0))
            case 2, 5, 6: return take(.modRM(0))
            case 3: return take(.modRM(1))
            default: return false
            }
        }

        mutating func xop() -> Bool {
            guard let payload = next(), next() != nil, next() != nil else { return false }
            result.opcodeOffset = at - 1 - start
            result.map = .other
            switch payload & 0x1f {
            case 8: return take(.modRM(1))
            case 9: return take(.modRM(0))
            case 10: return take(.modRM(4))
            default: return false
            }
        }

        mutating func take(_ form: Form) -> Bool {
            let operandSize = hasOperandPrefix && !isWide ? 2 : 4
            switch form {
            case .invalid: return false
            case .bare: return true
            case .immediate(let width): return immediate(width)
            case .immediateZ: return immediate(operandSize)
            case .immediateV: return immediate(isWide ? 8 : operandSize)
            case .address: return immediate(hasAddressPrefix ? 4 : 8)
            case .relative(let width):
                result.branch = Instruction.Field(offset: at - start, width: width)
                at += width
                return at <= code.count
            case .modRM(let width): return modRM() != nil && immediate(width)
            case .modRMZ: return modRM() != nil && immediate(operandSize)
            case .modRMTest(let isByte):
                guard let modRM = modRM() else { return false }
                return immediate(modRM & 0x30 == 0 ? (isByte ? 1 : operandSize) : 0)
            }
        }

        mutating func immediate(_ width: Int) -> Bool {
            if width > 0 { result.immediate = Instruction.Field(offset: at - start, width: width) }
            at += width
            return at <= code.count
        }

        /// ModRM, SIB and displacement; returns the ModRM byte.
        mutating func modRM() -> UInt8? {
            guard let byte = next() else { return nil }
            result.operands = at - 1 - start
            let mode = byte >> 6
            guard mode != 3 else { return byte }
            var width = mode == 1 ? 1 : mode == 2 ? 4 : 0
            if byte & 7 == 4 {
                guard let sib = next() else { return nil }
                if mode == 0, sib & 7 == 5 { width = 4 }
            } else if mode == 0, byte & 7 == 5 {
                width = 4
                result.isRelative = true
            }
            if width > 0 { result.displacement = Instruction.Field(offset: at - start, width: width) }
            at += width
            return at <= code.count ? byte : nil
        }
    }
}
