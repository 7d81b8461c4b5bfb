import ELF

extension X86_64CodeMatcher {
    /// TLS sequences rewritten by the linker ("ELF Handling For Thread-Local Storage", 4.4.6 and 5).
    mutating func matchThreadLocal(_ one: Instruction, _ inside: [Reference]) -> Bool {
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
