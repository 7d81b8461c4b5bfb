import ELF

// Thread-local variables of the target (psABI, 3.4.6 and "ELF Handling For Thread-Local Storage"). New code
// has none of its own, so every symbol here is an offset into the target's TLS segment, and what may be
// unknown is where that segment's block lies: `offset` from the thread pointer, `module` for __tls_get_addr.

extension RelocationContext {
    func applyThreadLocal(
        _ type: X86_64Relocation, _ relocation: Relocation, _ bytes: inout [UInt8]
    ) throws(LinkError) {
        let p = address &+ relocation.offset
        let a = UInt64(bitPattern: relocation.addend)
        switch type {
        case .tpoff32: try putSigned(threadOffset(relocation) &+ a, relocation, &bytes)
        case .tpoff64: try put(threadOffset(relocation) &+ a, relocation, 8, &bytes)
        case .dtpoff32: try putSigned(variable(relocation) &+ a, relocation, &bytes)
        case .dtpoff64: try put(variable(relocation) &+ a, relocation, 8, &bytes)
        case .gottpoff:
            try putSigned(slot(.threadOffset(relocation.symbol), relocation) &+ a &- p, relocation, &bytes)
        case .tlsgd:
            try putSigned(slot(.threadPair(relocation.symbol), relocation) &+ a &- p, relocation, &bytes)
        case .tlsld: try putSigned(slot(.modulePair, relocation) &+ a &- p, relocation, &bytes)
        case .gotpc32Tlsdesc: try relaxDescriptorLoad(relocation, &bytes)
        case .tlsdescCall: try relaxDescriptorCall(relocation, &bytes)
        default: throw error(.unsupported, relocation)
        }
    }

    private func variable(_ relocation: Relocation) throws(LinkError) -> UInt64 {
        guard let offset = linker.threadLocalOffset(relocation.symbol) else {
            throw error(.undefined, relocation)
        }
        return offset
    }

    private func threadOffset(_ relocation: Relocation) throws(LinkError) -> UInt64 {
        guard let block = linker.input.threadBlock.offset else { throw error(.threadStorage, relocation) }
        return try UInt64(bitPattern: block) &+ variable(relocation)
    }

    /// `lea x@tlsdesc(%rip), %reg` becomes `mov $offset, %reg`: the local-exec form of the same access.
    private func relaxDescriptorLoad(_ relocation: Relocation, _ bytes: inout [UInt8]) throws(LinkError) {
        guard let at = Int(exactly: relocation.offset), at >= 3, at <= bytes.count - 4,
            bytes[at - 2] == 0x8d, bytes[at - 1] & 0xc7 == 0x05, bytes[at - 3] & 0xfb == 0x48
        else { throw error(.instruction, relocation) }
        let register = bytes[at - 1] >> 3 & 7
        // The register moves from ModRM.reg to ModRM.rm, so REX.R becomes REX.B.
        bytes[at - 3] = bytes[at - 3] & 0x04 != 0 ? 0x49 : 0x48
        bytes[at - 2] = 0xc7
        bytes[at - 1] = 0xc0 | register
        let value = try threadOffset(relocation) &+ UInt64(bitPattern: relocation.addend &+ 4)
        try putSigned(value, relocation, &bytes)
    }

    /// `call *(%rax)` becomes a two-byte `nop`.
    private func relaxDescriptorCall(_ relocation: Relocation, _ bytes: inout [UInt8]) throws(LinkError) {
        guard let at = Int(exactly: relocation.offset), at <= bytes.count - 2,
            bytes[at] == 0xff, bytes[at + 1] == 0x10
        else { throw error(.instruction, relocation) }
        bytes[at] = 0x66
        bytes[at + 1] = 0x90
    }
}
