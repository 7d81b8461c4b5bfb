import ELF
import Findings
import LivePatch

// Room for the jump at an old function's entry.
//
//     f: [endbr64] jmp rel32 ...
//        4 kept    5 overwritten
//
// The bytes taken must belong to the function, or to the fillers behind it. And nothing but the entry may
// lead into them: branches from the function's own body don't count, for nobody will run that body again,
// but another function that jumps into the middle of the first five bytes would run half a jump.

/// Finds the room; pure.
struct EntryRoom {
    /// Length of `jmp rel32`, in bytes.
    static let jumpLength = 5

    let file: ELFFile
    /// Starts of everything that has a symbol or is known as a function, sorted; link-time addresses.
    let starts: [UInt64]

    /// Bytes at the entry that the jump leaves alone: an `endbr64` (CET), 4 bytes.
    static func entrySkip(_ code: [UInt8]) -> Int { code.prefix(4) == [0xf3, 0x0f, 0x1e, 0xfa] ? 4 : 0 }

    /// The function's bytes, with as much filler behind it as the jump needs.
    func original(name: String, address: UInt64, size: UInt64) -> Result<[UInt8], BuildError> {
        guard size > 0, size <= 1 << 24,
            let code = try? file.contents(atAddress: address, count: size).bytes
        else {
            return .failure(
                BuildError(.functionShort, "\(name) has no code in the target", evidence: ["function": name]))
        }
        let needed = Self.entrySkip(code) + Self.jumpLength
        guard code.count < needed else { return .success(code) }
        let end = address &+ size
        let next = starts.first { $0 >= end } ?? .max
        let gap = filler(at: end, room: min(next - end, 64))
        guard code.count + gap.count >= needed else {
            return .failure(
                BuildError(
                    .functionShort, "\(name) is too short for the jump to its replacement",
                    evidence: [
                        "function": name, "size": "\(size)", "filler": "\(gap.count)", "needed": "\(needed)",
                        "address": hex(address),
                    ]))
        }
        return .success(code + gap.prefix(needed - code.count))
    }

    /// The bytes from an address on that are only what assemblers and linkers fill gaps with: no-operations,
    /// `int3`, zeros.
    private func filler(at address: UInt64, room: UInt64) -> [UInt8] {
        var room = room
        // The segment may end before the next symbol.
        while room > 0 {
            if let bytes = try? file.contents(atAddress: address, count: room).bytes { return Self.filler(bytes) }
            room /= 2
        }
        return []
    }

    /// The leading part of some bytes that is filler.
    static func filler(_ bytes: [UInt8]) -> [UInt8] {
        let zeros = bytes.prefix { $0 == 0 }
        if !zeros.isEmpty { return Array(zeros) }
        var at = 0
        while let found = X86_64InstructionSet.decode(bytes, at: at), found.isPadding { at += found.length }
        return Array(bytes[..<at])
    }
}

/// Branches in the shipped file that lead into bytes about to be overwritten.
struct InboundBranches {
    /// For each branch found: from where, into which byte.
    static func find(
        in file: ELFFile, functions: [LinkMap.Entry], into taken: [Range<UInt64>], dead: [Range<UInt64>]
    ) -> [(from: UInt64, to: UInt64)] {
        var found: [(from: UInt64, to: UInt64)] = []
        guard let low = taken.map(\.lowerBound).min(), let high = taken.map(\.upperBound).max() else { return [] }
        for function in functions where !dead.contains(where: { $0.contains(function.address) }) {
            guard let code = try? file.contents(atAddress: function.address, count: function.size).bytes else {
                continue
            }
            var at = 0
            while let instruction = X86_64InstructionSet.decode(code, at: at) {
                if let target = instruction.branchTarget(in: code, at: at) {
                    let address = function.address &+ UInt64(bitPattern: Int64(target))
                    if address > low, address < high,
                        taken.contains(where: { $0.lowerBound < address && address < $0.upperBound })
                    {
                        found.append((function.address &+ UInt64(at), address))
                    }
                }
                at += instruction.length
            }
        }
        return found
    }
}
