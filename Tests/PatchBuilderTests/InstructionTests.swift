import ELF
import Foundation
import Linux
import TestSupport
import Testing

@testable import PatchBuilder

@Suite struct InstructionTests {
    /// Lengths of instructions as binutils' disassembler sees them, by offset.
    private static func objdump(_ path: String, _ compiler: Compiler) throws -> [(
        at: Int, length: Int, text: String
    )] {
        let text = try compiler.run("/usr/bin/objdump", ["-d", "-w", "--section=.text", path])
        var found: [(at: Int, length: Int, text: String)] = []
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard parts.count >= 2, let colon = parts[0].lastIndex(of: ":"),
                let address = Int(parts[0][..<colon].trimmingCharacters(in: .whitespaces), radix: 16)
            else { continue }
            let bytes = parts[1].split(separator: " ").count
            found.append((address, bytes, parts.count > 2 ? String(parts[2]) : ""))
        }
        return found
    }

    @Test(arguments: ["/bin/bash", "/lib/x86_64-linux-gnu/libcrypto.so.3", "/lib/x86_64-linux-gnu/libm.so.6"])
    func `finds the same instruction boundaries as binutils`(path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        let compiler = try Compiler()
        let file = try ELFFile(ByteStorage(reading: path))
        let section = try #require(file.section(named: ".text"))
        let code = try file.rawContents(of: section).bytes
        var wrong: [String] = []
        var checked = 0
        for (address, length, text) in try Self.objdump(path, compiler) {
            // Data between functions, and prefixes that the disassembler shows apart, are no instructions.
            guard !text.contains("(bad)"), !text.hasPrefix("rex"), !text.hasPrefix("data16"), text != "cs",
                text != "ds",
                text != "es", text != "ss", text != "fs", text != "gs", text != "lock", text != "repz",
                text != "repnz"
            else { continue }
            let found = X86_64InstructionSet.decode(code, at: address - Int(section.address))
            checked += 1
            if found?.length != length {
                wrong.append("\(String(address, radix: 16)): \(text): \(found?.length ?? -1)")
            }
        }
        #expect(checked > 10_000)
        // Constants that hand-written assembly keeps between its functions decode to rare opcodes.
        #expect(wrong.count * 5000 < checked, "\(wrong.prefix(40).joined(separator: "\n"))")
    }

    @Test func `finds the fields that depend on the place`() throws {
        // cmpl $5, 0x10(%rip)
        let compare = try #require(X86_64InstructionSet.decode([0x83, 0x3d, 0x10, 0, 0, 0, 5], at: 0))
        #expect(compare.length == 7 && compare.isRelative)
        #expect(
            compare.displacement == .init(offset: 2, width: 4) && compare.immediate == .init(offset: 6, width: 1))
        let code: [UInt8] = [0x90, 0xeb, 0xfe]
        let jump = try #require(X86_64InstructionSet.decode(code, at: 1))
        #expect(jump.flow == .jump && jump.branchTarget(in: code, at: 1) == 1)
    }

    @Test func `never reads beyond the end`() {
        let code: [UInt8] = [0x48, 0x8b, 0x84, 0x24, 1, 2, 3, 4, 0x0f, 0x84, 0, 0, 0, 0, 0xc4, 0xe3, 0x79, 0x16]
        for start in code.indices {
            for end in start..<code.count {
                let part = Array(code[..<end])
                if let found = X86_64InstructionSet.decode(part, at: start) { #expect(start + found.length <= end) }
            }
        }
    }
}
