import CDwarf

/// Evaluates the location expressions of call frame information.
///
/// DWARF 5, section 2.5, as far as compilers, assemblers and linkers use it in `.eh_frame` on x86-64. Any other
/// operation fails the walk.
struct FrameExpression {
    /// An address, or a value itself.
    struct Result {
        let value: UInt64
        let isValue: Bool
    }

    private let frame: UnwindFrame
    private let cfa: UInt64?
    private var stack: [UInt64] = []

    /// Prepares for one frame; the CFA is nil while it is being computed itself.
    init(_ frame: UnwindFrame, cfa: UInt64?) {
        self.frame = frame
        self.cfa = cfa
    }

    /// Runs the operations; nil if one can't be followed.
    mutating func evaluate(
        _ operations: UnsafeBufferPointer<Dwarf_Op>, _ words: inout StackWords
    ) -> Result? {
        var isValue = cfa == nil
        for index in 0..<operations.count {
            // The index is below the count.
            let operation = unsafe operations[index]
            // DW_OP_reg0...reg31: the value is in that register.
            if operation.atom >= 0x50, operation.atom <= 0x6f {
                guard let value = register(UInt64(operation.atom - 0x50)) else { return nil }
                stack.append(value)
                isValue = true
            } else if operation.atom == 0x9f {
                isValue = true
            } else if !step(operation, &words) {
                return nil
            }
        }
        return stack.last.map { Result(value: $0, isValue: isValue) }
    }

    private func register(_ number: UInt64) -> UInt64? {
        number < 17 ? frame.values[Int(number)] : nil
    }

    private mutating func step(_ operation: Dwarf_Op, _ words: inout StackWords) -> Bool {
        let atom = operation.atom
        switch atom {
        case 0x03, 0x08...0x11: stack.append(operation.number)
        case 0x30...0x4f: stack.append(UInt64(atom - 0x30))
        case 0x70...0x8f:
            guard let base = register(UInt64(atom - 0x70)) else { return false }
            stack.append(base &+ operation.number)
        case 0x92:
            guard let base = register(operation.number) else { return false }
            stack.append(base &+ operation.number2)
        case 0x9c:
            guard let cfa else { return false }
            stack.append(cfa)
        case 0x96: return true
        case 0x06: return load(8, &words)
        case 0x94: return load(Int(clamping: operation.number), &words)
        case 0x23: return unary { $0 &+ operation.number }
        case 0x1f: return unary { 0 &- $0 }
        case 0x20: return unary { ~$0 }
        case 0x12:
            guard let top = stack.last else { return false }
            stack.append(top)
        case 0x13: return stack.popLast() != nil
        case 0x16:
            guard stack.count >= 2 else { return false }
            stack.swapAt(stack.count - 1, stack.count - 2)
        default: return binary(atom)
        }
        return true
    }

    private mutating func load(_ size: Int, _ words: inout StackWords) -> Bool {
        guard let address = stack.popLast(), let value = words.load(address, size) else { return false }
        stack.append(value)
        return true
    }

    private mutating func unary(_ body: (UInt64) -> UInt64) -> Bool {
        guard let value = stack.popLast() else { return false }
        stack.append(body(value))
        return true
    }

    private mutating func binary(_ atom: UInt8) -> Bool {
        guard stack.count >= 2, let right = stack.popLast(), let left = stack.popLast() else { return false }
        let (a, b) = (Int64(bitPattern: left), Int64(bitPattern: right))
        let result: UInt64
        switch atom {
        case 0x1a: result = left & right
        case 0x1c: result = left &- right
        case 0x1e: result = left &* right
        case 0x21: result = left | right
        case 0x22: result = left &+ right
        case 0x24: result = right < 64 ? left << right : 0
        case 0x25: result = right < 64 ? left >> right : 0
        case 0x26: result = UInt64(bitPattern: a >> Int64(min(right, 63)))
        case 0x27: result = left ^ right
        case 0x29: result = a == b ? 1 : 0
        case 0x2a: result = a >= b ? 1 : 0
        case 0x2b: result = a > b ? 1 : 0
        case 0x2c: result = a <= b ? 1 : 0
        case 0x2d: result = a < b ? 1 : 0
        case 0x2e: result = a != b ? 1 : 0
        default: return false
        }
        stack.append(result)
        return true
    }
}
