import ELF

/// One function of a linked file with everything taken out that depends on where things lie.
struct LinkedCode {
    /// A place of the code that leads elsewhere.
    struct Link: Equatable {
        /// Offset of the instruction, in bytes.
        var at: Int
        /// Link-time address that it leads to.
        var target: UInt64
    }

    /// The bytes, place-dependent fields zeroed.
    let masked: [UInt8]
    /// Where it leads outside of itself, in order.
    let links: [Link]

    /// Decodes a function.
    ///
    /// `absolute` is the range of addresses of a file that isn't position independent: a 32-bit number in it
    /// counts as an address. What can't be decoded stays as it is.
    init(_ code: [UInt8], at address: UInt64, absolute: Range<UInt64>?) {
        var masked = code
        var links: [Link] = []
        var at = 0
        while at < code.count, let found = X86_64InstructionSet.decode(code, at: at) {
            let end = address &+ UInt64(at + found.length)
            func hide(_ field: Instruction.Field, _ target: UInt64) {
                links.append(Link(at: at, target: target))
                for index in 0..<field.width { masked[at + field.offset + index] = 0 }
            }
            func number(_ field: Instruction.Field) -> UInt64 {
                UInt64(bitPattern: found.value(field, in: code, at: at))
            }
            if let branch = found.branch {
                let target = end &+ number(branch)
                // Branches inside the function are part of its shape.
                if target < address || target >= address &+ UInt64(code.count) { hide(branch, target) }
            } else if let field = found.displacement, found.isRelative {
                hide(field, end &+ number(field))
            } else if let field = found.displacement, field.width == 4, let absolute,
                absolute.contains(number(field))
            {
                hide(field, number(field))
            }
            if let field = found.immediate, field.width >= 4, let absolute, absolute.contains(number(field)) {
                hide(field, number(field))
            }
            at += found.length
        }
        self.masked = masked
        self.links = links
    }

    /// One number for the shape.
    var digest: UInt64 {
        var mix = Mix()
        mix.add(masked[...])
        return mix.value
    }

    /// Offset of the first difference in shape; nil if there is none.
    func firstDifference(from other: LinkedCode) -> Int? {
        for (offset, (one, two)) in zip(masked, other.masked).enumerated() where one != two { return offset }
        return masked.count == other.masked.count ? nil : min(masked.count, other.masked.count)
    }
}
