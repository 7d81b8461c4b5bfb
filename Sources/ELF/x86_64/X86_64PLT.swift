/// The stubs that GNU ld, gold, lld and mold make on x86-64 (psABI, "Procedure Linkage Table").
///
///     [endbr64] [mov $n, %r11d] [bnd] jmp *slot(%rip)      .plt, .plt.sec, .plt.got, .iplt
///     [endbr64] push $n; [bnd] jmp .plt                    .plt when calls go through .plt.sec
struct X86_64PLT: PLTDecoder {
    static let alignment: UInt64 = 8

    static func decode(_ code: ByteView, _ offset: Int, address: UInt64) -> PLTStub? {
        var at = offset
        func byte(_ distance: Int) -> UInt8? { try? code.load(at + distance) }
        func word(_ distance: Int) -> Int32? { try? code.load(at + distance) }
        if word(0) == Int32(bitPattern: 0xfa1e_0ff3) { at += 4 }
        if byte(0) == 0x41, byte(1) == 0xbb { at += 6 }
        if byte(0) == 0x68, let number = word(1) {
            at += 5
            if byte(0) == 0xf2 { at += 1 }
            return byte(0) == 0xe9 && number >= 0 ? .bind(relocation: Int(number)) : nil
        }
        if byte(0) == 0xf2 { at += 1 }
        guard byte(0) == 0xff, byte(1) == 0x25, let distance = word(2) else { return nil }
        // Relative to the end of the jump, which is six bytes long.
        let end = address &+ UInt64(at - offset) &+ 6
        return .jump(slot: end &+ UInt64(bitPattern: Int64(distance)))
    }

    static func fill(_ relocation: Relocation) -> SlotFill? {
        switch X86_64Relocation(rawValue: relocation.type) {
        case .jumpSlot: .symbol(relocation.symbol, isPLT: true)
        case .globDat: .symbol(relocation.symbol, isPLT: false)
        case .irelative: .resolver(UInt64(bitPattern: relocation.addend))
        default: nil
        }
    }
}
