/// Relocation types of the x86-64 psABI, table 4.9.
///
/// `S` symbol, `A` addend, `P` place, `G` slot in the GOT, `B` base.
public enum X86_64Relocation: UInt32, Sendable, CaseIterable {
    case none = 0
    /// `S + A`, 64 bits.
    case abs64 = 1
    /// `S + A - P`, 32 bits.
    case pc32 = 2
    case got32 = 3
    /// Call through the PLT, or directly: `L + A - P`.
    case plt32 = 4
    case copy = 5
    case globDat = 6
    case jumpSlot = 7
    case relative = 8
    case gotpcrel = 9
    /// `S + A`, zero-extended 32 bits.
    case abs32 = 10
    /// `S + A`, sign-extended 32 bits.
    case abs32s = 11
    case abs16 = 12
    case pc16 = 13
    case abs8 = 14
    case pc8 = 15
    case dtpmod64 = 16
    case dtpoff64 = 17
    case tpoff64 = 18
    case tlsgd = 19
    case tlsld = 20
    case dtpoff32 = 21
    case gottpoff = 22
    case tpoff32 = 23
    case pc64 = 24
    case gotoff64 = 25
    case gotpc32 = 26
    case got64 = 27
    case gotpcrel64 = 28
    case gotpc64 = 29
    case pltoff64 = 31
    case size32 = 32
    case size64 = 33
    case gotpc32Tlsdesc = 34
    case tlsdescCall = 35
    case tlsdesc = 36
    case irelative = 37
    case gotpcrelx = 41
    case rexGotpcrelx = 42
}
