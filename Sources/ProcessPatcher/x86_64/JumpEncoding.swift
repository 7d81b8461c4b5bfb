/// The jumps that patching writes, as x86-64 encodes them (Intel SDM, volume 2, JMP).
enum JumpEncoding {
    /// Bytes of the trampoline: `jmp rel32`.
    static let trampolineSize = 5

    /// `endbr64`: where indirect branch tracking lets a jump land.
    static let landingPad: [UInt8] = [0xf3, 0x0f, 0x1e, 0xfa]

    /// `jmp rel32` from `site` to `destination`; nil if that is farther than 2 GiB.
    static func trampoline(from site: UInt64, to destination: UInt64) -> [UInt8]? {
        let distance = Int64(bitPattern: destination &- site &- 5)
        guard let near = Int32(exactly: distance) else { return nil }
        return [0xe9] + bytes(near)
    }

    /// Where a `jmp rel32` at `site` leads; nil if the bytes aren't one.
    static func destination(of bytes: some Collection<UInt8>, at site: UInt64) -> UInt64? {
        let bytes = Array(bytes.prefix(5))
        guard bytes.count == 5, bytes[0] == 0xe9 else { return nil }
        var near: UInt32 = 0
        for index in (1...4).reversed() { near = near << 8 | UInt32(bytes[index]) }
        return site &+ 5 &+ UInt64(bitPattern: Int64(Int32(bitPattern: near)))
    }

    /// `endbr64; jmp *slot(%rip)`, 16 bytes with padding; the distance counts from the stub's start.
    static func indirectStub(slotDistance: Int64) -> [UInt8] {
        let near = Int32(truncatingIfNeeded: slotDistance - 10)
        return landingPad + [0xff, 0x25] + bytes(near) + [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00]
    }

    private static func bytes(_ value: Int32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> Int32($0 * 8)) }
    }
}
