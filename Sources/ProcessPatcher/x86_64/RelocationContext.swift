import ELF
import LivePatch

/// Applies relocations of one section by the rules of the x86-64 psABI, tables 4.9 and 4.10.
///
/// `S` is the symbol, `A` the addend, `P` the place of the field, `G` the slot, `GOT` the start of the slots.
struct RelocationContext {
    let linker: ImageLinker
    let section: PatchObject.Section
    /// Where the section's first byte will be.
    let address: UInt64

    /// Writes one relocation's field into the section's bytes.
    func apply(_ relocation: Relocation, to bytes: inout [UInt8]) throws(LinkError) {
        guard let type = X86_64Relocation(rawValue: relocation.type) else {
            throw error(.unsupported, relocation)
        }
        let a = UInt64(bitPattern: relocation.addend)
        let p = address &+ relocation.offset
        let got = linker.input.base &+ linker.input.layout.slotStart
        switch type {
        case .none: return
        case .abs64: try put(pointer(relocation), relocation, 8, &bytes)
        case .abs32: try putUnsigned(pointer(relocation), relocation, &bytes)
        case .abs32s: try putSigned(pointer(relocation), relocation, &bytes)
        case .pc64: try put(pointer(relocation) &- p, relocation, 8, &bytes)
        case .pc32, .plt32: try applyRelative(relocation, isCall: type == .plt32, &bytes)
        case .gotpcrel, .gotpcrelx, .rexGotpcrelx:
            try putSigned(slot(.address(relocation.symbol), relocation) &+ a &- p, relocation, &bytes)
        case .gotpcrel64:
            try put(slot(.address(relocation.symbol), relocation) &+ a &- p, relocation, 8, &bytes)
        case .got64: try put(slot(.address(relocation.symbol), relocation) &+ a &- got, relocation, 8, &bytes)
        case .got32:
            try putSigned(slot(.address(relocation.symbol), relocation) &+ a &- got, relocation, &bytes)
        case .gotoff64: try put(pointer(relocation) &- got, relocation, 8, &bytes)
        case .gotpc32: try putSigned(got &+ a &- p, relocation, &bytes)
        case .gotpc64: try put(got &+ a &- p, relocation, 8, &bytes)
        case .pltoff64: try put(code(relocation) &+ a &- got, relocation, 8, &bytes)
        case .size32: try putUnsigned(size(relocation) &+ a, relocation, &bytes)
        case .size64: try put(size(relocation) &+ a, relocation, 8, &bytes)
        case .tpoff32, .tpoff64, .dtpoff32, .dtpoff64, .gottpoff, .tlsgd, .tlsld, .gotpc32Tlsdesc, .tlsdescCall:
            try applyThreadLocal(type, relocation, &bytes)
        default: throw error(.unsupported, relocation)
        }
    }

    // MARK: Jumps and relative addresses

    private func applyRelative(
        _ relocation: Relocation, isCall: Bool, _ bytes: inout [UInt8]
    ) throws(LinkError) {
        let p = address &+ relocation.offset
        let a = UInt64(bitPattern: relocation.addend)
        guard isCall || isBranch(relocation, bytes) else {
            try putSigned(relativePointer(relocation) &- p, relocation, &bytes)
            return
        }
        let direct = try code(relocation) &+ a &- p
        if Int32(exactly: Int64(bitPattern: direct)) != nil {
            try putSigned(direct, relocation, &bytes)
        } else if let stub = linker.stubAddress(relocation.symbol) {
            try putSigned(stub &+ a &- p, relocation, &bytes)
        } else {
            throw error(.overflow(value: Int64(bitPattern: direct)), relocation)
        }
    }

    /// Whether the field belongs to `call`, `jmp` or `jcc`.
    ///
    /// The alternative is an operand relative to rip, whose ModRM byte (mod 0, r/m 5) stands directly before
    /// the field; no opcode of a branch looks like that.
    private func isBranch(_ relocation: Relocation, _ bytes: [UInt8]) -> Bool {
        guard section.flags.contains(.execinstr), relocation.offset >= 1, relocation.offset < UInt64(bytes.count)
        else { return false }
        return bytes[Int(relocation.offset) - 1] & 0xc7 != 0x05
    }

    /// `S + A` for an operand relative to rip: the operand's address is `S + A + 4` minus what follows the
    /// field, which for `lea`, the only one that takes an address, is nothing.
    private func relativePointer(_ relocation: Relocation) throws(LinkError) -> UInt64 {
        guard section.flags.contains(.execinstr) else {
            // Tables of differences and unwind tables mean the new code itself.
            return try code(relocation) &+ UInt64(bitPattern: relocation.addend)
        }
        guard let value = linker.pointer(relocation.symbol, relocation.addend &+ 4) else {
            throw error(.undefined, relocation)
        }
        return value &- 4
    }

    // MARK: Values

    private func code(_ relocation: Relocation) throws(LinkError) -> UInt64 {
        guard let value = linker.codeAddress(relocation.symbol) else { throw error(.undefined, relocation) }
        return value
    }

    /// `S + A`, the old entry for a replaced function; in unwind tables always the new code.
    private func pointer(_ relocation: Relocation) throws(LinkError) -> UInt64 {
        if section.name == ".eh_frame" { return try code(relocation) &+ UInt64(bitPattern: relocation.addend) }
        guard let value = linker.pointer(relocation.symbol, relocation.addend) else {
            throw error(.undefined, relocation)
        }
        return value
    }

    func slot(_ slot: ImageLayout.Slot, _ relocation: Relocation) throws(LinkError) -> UInt64 {
        guard let value = linker.slotAddress(slot) else { throw error(.undefined, relocation) }
        return value
    }

    private func size(_ relocation: Relocation) -> UInt64 {
        linker.input.object.symbols[relocation.symbol].size
    }

    // MARK: Fields

    func putSigned(_ value: UInt64, _ relocation: Relocation, _ bytes: inout [UInt8]) throws(LinkError) {
        let signed = Int64(bitPattern: value)
        guard Int32(exactly: signed) != nil else { throw error(.overflow(value: signed), relocation) }
        try put(value, relocation, 4, &bytes)
    }

    func putUnsigned(_ value: UInt64, _ relocation: Relocation, _ bytes: inout [UInt8]) throws(LinkError) {
        guard UInt32(exactly: value) != nil else {
            throw error(.overflow(value: Int64(bitPattern: value)), relocation)
        }
        try put(value, relocation, 4, &bytes)
    }

    func put(
        _ value: UInt64, _ relocation: Relocation, _ size: Int, _ bytes: inout [UInt8]
    ) throws(LinkError) {
        guard let offset = Int(exactly: relocation.offset), offset <= bytes.count - size else {
            throw error(.outside, relocation)
        }
        for index in 0..<size {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8))
        }
    }

    func error(_ reason: LinkError.Reason, _ relocation: Relocation) -> LinkError {
        LinkError(
            reason: reason, type: relocation.type,
            symbol: linker.input.object.symbols[relocation.symbol].name, section: section.name,
            offset: relocation.offset)
    }
}
