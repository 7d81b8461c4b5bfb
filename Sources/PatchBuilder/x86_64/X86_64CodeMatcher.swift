import ELF

/// Matches one function of an object against bytes of a linked file; see `CodeMatch.swift` for the idea.
struct X86_64CodeMatcher {
    /// The object's section, holes zeroed.
    let code: [UInt8]
    private let range: Range<Int>
    let references: ArraySlice<Reference>
    /// The linked file's bytes from ``address`` on.
    let linked: [UInt8]
    let address: UInt64

    /// Positions in `code` and in `linked`.
    var left: Int
    var right = 0
    var next: Int
    var solved: [SolvedReference] = []
    /// Position in `linked` of each instruction of `code`, counted from the function's start; -1 inside one.
    private var positions: [Int]
    /// Branches inside the function: where they go on both sides.
    private var branches: [(at: Int, left: Int, right: Int)] = []
    var isModuleRelaxed = false

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
            if other.isPadding, !one.isPadding, !isDescriptorCall {
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

    /// Whether a call through a TLS descriptor comes next, which the linker may have made a no-operation.
    private var isDescriptorCall: Bool {
        next < references.endIndex && references[next].offset == left
            && references[next].type == X86_64Relocation.tlsdescCall.rawValue
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

    mutating func step(_ one: Int, _ other: Int) {
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

    func number(_ at: Int, width: Int) -> Int64 {
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
}
