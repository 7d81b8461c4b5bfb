import ELF

/// Matches one function of an object against bytes of a linked file; see `CodeMatch.swift` for the idea.
struct X86_64CodeMatcher {
    /// The object's section, holes zeroed.
    private let code: [UInt8]
    private let range: Range<Int>
    private let references: ArraySlice<Reference>
    /// The linked file's bytes from ``address`` on.
    private let linked: [UInt8]
    private let address: UInt64

    /// Positions in `code` and in `linked`.
    private var left: Int
    private var right = 0
    private var next: Int
    private var solved: [SolvedReference] = []
    /// Position in `linked` of each instruction of `code`, counted from the function's start; -1 inside one.
    private var positions: [Int]
    /// Branches inside the function: where they go on both sides.
    private var branches: [(at: Int, left: Int, right: Int)] = []
    private var isModuleRelaxed = false

    init(_ model: ObjectModel, _ entity: Entity, linked: [UInt8], address: UInt64) {
        code = model.sections[entity.section].contents
        range = entity.range
        references = model.references(entity)
        self.linked = linked
        self.address = address
        left = entity.range.lowerBound
        next = references.startIndex
        positions = Array(repeating: -1, count: entity.range.count + 1)
    }

    mutating func match() throws(CodeMismatch) -> CodeMatch {
        while left < range.upperBound {
            positions[left - range.lowerBound] = right
            guard let one = X86_64InstructionSet.decode(code, at: left) else {
                throw mismatch("the object's code can't be decoded")
            }
            let hasHole = next < references.endIndex && references[next].offset < left + one.length
            if one.isPadding, !hasHole, skipPadding(one) { continue }
            guard let other = X86_64InstructionSet.decode(linked, at: right) else {
                throw mismatch("not an instruction")
            }
            if other.isPadding, !one.isPadding {
                right += other.length
                continue
            }
            if next < references.endIndex, references[next].offset < left + one.length {
                try matchReferences(one, other)
            } else {
                try matchPlain(one, other)
            }
        }
        positions[range.count] = right
        try checkBranches()
        return CodeMatch(address: address, size: right, references: solved)
    }

    /// Steps over a filler; equal ones on both sides step together.
    private mutating func skipPadding(_ one: Instruction) -> Bool {
        let end = left + one.length
        if let other = X86_64InstructionSet.decode(linked, at: right), other.length == one.length, other.isPadding {
            right += other.length
        }
        left = end
        return true
    }

    private mutating func matchPlain(_ one: Instruction, _ other: Instruction) throws(CodeMismatch) {
        if one.branch != nil {
            guard other.flow == one.flow, let from = one.branchTarget(in: code, at: left),
                let to = other.branchTarget(in: linked, at: right)
            else { throw mismatch("another instruction") }
            branches.append((left - range.lowerBound, from, to))
        } else {
            guard one.length == other.length,
                code[left..<left + one.length] == linked[right..<right + other.length]
            else { throw mismatch("another instruction") }
        }
        left += one.length
        right += other.length
    }

    /// Branches must lead to corresponding instructions; those out of the function keep their distance.
    private func checkBranches() throws(CodeMismatch) {
        for (at, from, to) in branches {
            guard range.contains(from) || from == range.upperBound else { continue }
            let expected = positions[from - range.lowerBound]
            guard expected >= 0, behindPadding(expected) == behindPadding(to) else {
                throw mismatch("a branch to another place", at: at)
            }
        }
    }

    private func behindPadding(_ position: Int) -> Int {
        var position = position
        while let found = X86_64InstructionSet.decode(linked, at: position), found.isPadding {
            position += found.length
        }
        return position
    }

    private func mismatch(_ reason: String, at offset: Int? = nil) -> CodeMismatch {
        let start = offset.map { $0 + range.lowerBound } ?? left
        let place = offset.flatMap { positions[$0] >= 0 ? positions[$0] : nil } ?? right
        return CodeMismatch(
            offset: start - range.lowerBound, expected: Array(code[start..<min(start + 8, range.upperBound)]),
            found: Array(linked[min(place, linked.count)..<min(place + 8, linked.count)]), reason: reason)
    }
}

// MARK: - Instructions with holes

extension X86_64CodeMatcher {
    private mutating func matchReferences(_ one: Instruction, _ other: Instruction) throws(CodeMismatch) {
        var inside: [Reference] = []
        while next < references.endIndex, references[next].offset < left + one.length {
            inside.append(references[next])
            next += 1
        }
        if matchAsIs(one, other, inside) || matchShortJump(one, other, inside) || matchRelaxed(one, other, inside)
            || matchThreadLocal(one, inside)
        {
            return
        }
        throw mismatch("another instruction")
    }

    private mutating func step(_ one: Int, _ other: Int) {
        left += one
        right += other
    }

    /// The same instruction with its holes filled.
    private mutating func matchAsIs(_ one: Instruction, _ other: Instruction, _ inside: [Reference]) -> Bool {
        guard one.length == other.length, right + one.length <= linked.count else { return false }
        var filled = Array(code[left..<left + one.length])
        for reference in inside {
            let offset = reference.offset - left
            let end = offset + ReferenceForm.width(reference.type)
            guard offset >= 0, end <= one.length else { return false }
            filled.replaceSubrange(offset..<end, with: linked[right + offset..<right + end])
        }
        guard filled[...] == linked[right..<right + one.length] else { return false }
        for reference in inside { solved.append(SolvedReference(reference: reference, filling: fill(reference))) }
        step(one.length, other.length)
        return true
    }

    private func fill(_ reference: Reference) -> Filling {
        let at = right + reference.offset - left
        let width = ReferenceForm.width(reference.type)
        guard width > 0, width <= 8 else { return .none }
        let value = number(at, width: width)
        let place = address &+ UInt64(at)
        let relative = UInt64(bitPattern: value) &+ place &- UInt64(bitPattern: reference.addend)
        switch X86_64Relocation(rawValue: reference.type) {
        case .pc32, .plt32, .pc64, .pc16, .pc8: return .address(relative)
        // A slot's address counts from the end of the field, whatever the addend means for the symbol.
        case .gotpcrel, .gotpcrelx, .rexGotpcrelx, .gotpcrel64: return .slot(relative)
        case .gottpoff: return .threadOffsetSlot(relative)
        case .tlsgd, .tlsld, .gotpc32Tlsdesc: return .threadIndexSlot(relative)
        case .abs32:
            return .address(UInt64(UInt32(truncatingIfNeeded: value)) &- UInt64(bitPattern: reference.addend))
        case .abs32s, .abs64: return .address(UInt64(bitPattern: value &- reference.addend))
        case .tpoff32, .tpoff64: return .threadOffset(value &- reference.addend)
        case .dtpoff32, .dtpoff64:
            return isModuleRelaxed
                ? .threadOffset(value &- reference.addend) : .moduleOffset(value &- reference.addend)
        default: return .none
        }
    }

    private func number(_ at: Int, width: Int) -> Int64 {
        guard at >= 0, at + width <= linked.count else { return 0 }
        return Instruction(length: 0).value(Instruction.Field(offset: 0, width: width), in: linked, at: at)
    }

    /// A jump that the assembler of the shipped build could make short.
    private mutating func matchShortJump(_ one: Instruction, _ other: Instruction, _ inside: [Reference]) -> Bool {
        guard inside.count == 1, one.branch != nil, one.flow == other.flow, one.flow != .call,
            let target = other.branchTarget(in: linked, at: right)
        else { return false }
        // The long form counts from the end of its field: S + A is four less than where it jumps.
        let symbol = address &+ UInt64(bitPattern: Int64(target) - 4 &- inside[0].addend)
        solved.append(SolvedReference(reference: inside[0], filling: .address(symbol)))
        step(one.length, other.length)
        return true
    }

    /// GOT loads that the linker turned into direct ones (psABI, "Optimize GOTPCRELX Relocations").
    private mutating func matchRelaxed(_ one: Instruction, _ other: Instruction, _ inside: [Reference]) -> Bool {
        guard inside.count == 1, let reference = inside.first, let hole = one.displacement, one.isRelative,
            ReferenceForm.isThroughGOT(reference.type) || reference.type == X86_64Relocation.gottpoff.rawValue
        else { return false }
        let filling: Filling
        if other.flow == .call || other.flow == .jump, let target = other.branchTarget(in: linked, at: right) {
            // call *slot → addr32 call S, or call S; nop. The nop is skipped as a filler.
            let isCall = code[left + one.opcodeOffset + 1] & 0x38 == 0x10
            guard code[left + one.opcodeOffset] == 0xff, isCall == (other.flow == .call) else { return false }
            filling = .address(address &+ UInt64(bitPattern: Int64(target)))
        } else if other.length == one.length, reference.type == X86_64Relocation.gottpoff.rawValue {
            filling = .threadOffset(number(right + hole.offset, width: 4))
        } else if other.length == one.length, other.isRelative, other.displacement == hole {
            guard code[left + one.opcodeOffset] == 0x8b, linked[right + other.opcodeOffset] == 0x8d else {
                return false
            }
            let end = address &+ UInt64(right + other.length)
            filling = .address(end &+ UInt64(bitPattern: number(right + hole.offset, width: 4)))
        } else if other.length == one.length, other.immediate == hole {
            filling = .address(UInt64(bitPattern: number(right + hole.offset, width: 4)))
        } else {
            return false
        }
        solved.append(SolvedReference(reference: reference, filling: filling))
        step(one.length, other.length)
        return true
    }

    /// TLS sequences rewritten by the linker ("ELF Handling For Thread-Local Storage", 4.4.6 and 5).
    private mutating func matchThreadLocal(_ one: Instruction, _ inside: [Reference]) -> Bool {
        guard let reference = inside.first, inside.count == 1 else { return false }
        switch X86_64Relocation(rawValue: reference.type) {
        case .tlsgd: return matchGeneralDynamic(one, reference)
        case .tlsld: return matchLocalDynamic(one, reference)
        case .gotpc32Tlsdesc: return matchDescriptor(one, reference)
        case .tlsdescCall:
            // call *(%rax) → two-byte nop; the padding rule doesn't see it because left isn't a filler.
            guard bytes(right, [0x66, 0x90]) else { return false }
            solved.append(SolvedReference(reference: reference, filling: .none))
            step(one.length, 2)
            return true
        default: return false
        }
    }

    private func bytes(_ at: Int, _ expected: [UInt8]) -> Bool {
        at >= 0 && at + expected.count <= linked.count && linked[at..<at + expected.count] == expected[...]
    }

    /// Takes the call of `__tls_get_addr` that follows; returns its length and its reference.
    private mutating func takeCall(after one: Instruction) -> (length: Int, reference: Reference)? {
        let start = left + one.length
        guard let call = X86_64InstructionSet.decode(code, at: start), next < references.endIndex,
            references[next].offset < start + call.length
        else { return nil }
        defer { next += 1 }
        return (call.length, references[next])
    }

    private mutating func matchGeneralDynamic(_ one: Instruction, _ reference: Reference) -> Bool {
        let load: [UInt8] = [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0]
        guard bytes(right, load), let call = takeCall(after: one), one.length + call.length == 16 else {
            return false
        }
        let value = number(right + 12, width: 4)
        let filling: Filling
        if bytes(right + 9, [0x48, 0x8d, 0x80]) {
            filling = .threadOffset(value)
        } else if bytes(right + 9, [0x48, 0x03, 0x05]) {
            filling = .threadOffsetSlot(address &+ UInt64(right + 16) &+ UInt64(bitPattern: value))
        } else {
            return false
        }
        solved.append(SolvedReference(reference: reference, filling: filling))
        solved.append(SolvedReference(reference: call.reference, filling: .none))
        step(16, 16)
        return true
    }

    private mutating func matchLocalDynamic(_ one: Instruction, _ reference: Reference) -> Bool {
        var prefixes = 0
        while bytes(right + prefixes, [0x66]) { prefixes += 1 }
        guard bytes(right + prefixes, [0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0]), let call = takeCall(after: one)
        else { return false }
        isModuleRelaxed = true
        solved.append(SolvedReference(reference: reference, filling: .none))
        solved.append(SolvedReference(reference: call.reference, filling: .none))
        step(one.length + call.length, one.length + call.length)
        return true
    }

    private mutating func matchDescriptor(_ one: Instruction, _ reference: Reference) -> Bool {
        let filling: Filling
        let value = number(right + 3, width: 4)
        if bytes(right, [0x48, 0xc7, 0xc0]) {
            filling = .threadOffset(value)
        } else if bytes(right, [0x48, 0x8b, 0x05]) {
            filling = .threadOffsetSlot(address &+ UInt64(right + 7) &+ UInt64(bitPattern: value))
        } else {
            return false
        }
        solved.append(SolvedReference(reference: reference, filling: filling))
        step(one.length, 7)
        return true
    }
}
