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
        let next = starts.first { $0 > address } ?? .max
        let room = UInt64(needed)
        guard next == .max || next - address >= room,
            let longer = try? file.contents(atAddress: address, count: room).bytes,
            Self.isFiller(longer[code.count...])
        else {
            return .failure(
                BuildError(
                    .functionShort, "\(name) is too short for the jump to its replacement",
                    evidence: ["function": name, "size": "\(size)", "needed": "\(needed)", "address": hex(address)])
            )
        }
        return .success(longer)
    }

    /// Whether bytes are only what assemblers and linkers fill gaps with.
    ///
    /// The last filler may reach beyond the bytes given.
    static func isFiller(_ bytes: ArraySlice<UInt8>) -> Bool {
        if bytes.allSatisfy({ $0 == 0 }) || bytes.allSatisfy({ $0 == 0xcc }) { return true }
        var at = 0
        // A long no-operation may be cut off by the end; behind fillers only fillers follow.
        let padded = Array(bytes) + Array(repeating: 0, count: 16)
        while at < bytes.count {
            guard let found = X86_64InstructionSet.decode(padded, at: at), isNoOperation(found, padded, at) else {
                return false
            }
            at += found.length
        }
        return true
    }

    private static func isNoOperation(_ found: Instruction, _ code: [UInt8], _ at: Int) -> Bool {
        // A segment or operand prefix in front of `nop` belongs to the long forms.
        found.isPadding
            && (code[at] == 0x90 || code[at] == 0xcc || code[at] == 0x66 || code[at] == 0x0f || code[at] == 0x2e)
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
                        found.append((function.address + UInt64(at), address))
                    }
                }
                at += instruction.length
            }
        }
        return found
    }
}
