import ELF

/// One section of the module in the making.
struct ModuleArea {
    /// What a field of it refers to.
    enum Target: Hashable {
        /// An offset into an area.
        case area(String, Int)
        /// Something outside.
        case outside(KernelDestination)
        /// The module's own structure.
        case thisModule
    }

    /// One field to fill in.
    struct Fixup {
        let offset: Int
        let type: UInt32
        let target: Target
        let addend: Int64
        /// The module for whose sake the field is there, `vmlinux` for the kernel proper.
        let object: String
    }

    let name: String
    let flags: SectionFlags
    let isZero: Bool
    var alignment: UInt64 = 1
    var contents: [UInt8] = []
    /// Size in memory; for areas of zeros the contents stay empty.
    var size = 0
    var fixups: [Fixup] = []

    init(_ name: String, _ flags: SectionFlags, isZero: Bool = false) {
        self.name = name
        self.flags = flags
        self.isZero = isZero
    }

    /// Adds bytes at the next multiple of the alignment; answers where they are.
    mutating func add(_ bytes: some Collection<UInt8>, alignment: Int) -> Int {
        let start = reserve(bytes.count, alignment: alignment)
        contents.replaceSubrange(start..., with: bytes)
        return start
    }

    /// Adds zeros; answers where they are.
    mutating func reserve(_ count: Int, alignment: Int) -> Int {
        let step = max(alignment, 1)
        self.alignment = max(self.alignment, UInt64(step))
        let start = (size + step - 1) / step * step
        size = start + count
        if !isZero {
            // Code is padded with traps, so that nothing runs on into the next function unnoticed.
            let filler: UInt8 = flags.contains(.execinstr) ? 0xcc : 0
            contents += [UInt8](repeating: filler, count: start - contents.count)
            contents += [UInt8](repeating: 0, count: count)
        }
        return start
    }

    /// Stores a little-endian number.
    mutating func store(_ value: UInt64, width: Int, at offset: Int) {
        for index in 0..<width { contents[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }
}
