import ELF
import Linux
import TestSupport
import Testing

@Suite struct SectionAppendixTests {
    private func object() throws -> ELFFile {
        let compiler = try Compiler()
        let path = try compiler.compile("int twice(int x) { return x * 2; }", ["-c", "-O2"])
        return try ELFFile(ByteStorage(reading: path))
    }

    @Test func `adds sections behind a file and moves nothing`() throws {
        let file = try object()
        var appendix = SectionAppendix(file)
        appendix.add(".note.mine", type: .note, flags: [.alloc], alignment: 4, contents: [1, 2, 3, 4])
        appendix.add(".mine", type: .progbits, flags: [], alignment: 1, contents: Array("text".utf8))
        let grown = try ELFFile(ByteView(try appendix.encode()))
        #expect(grown.sections.dropLast(2).map(\.name) == file.sections.map(\.name))
        // All but the table of names, which grew, are where they were.
        for (old, new) in zip(file.sections, grown.sections) where old.name != ".shstrtab" {
            #expect(old == new)
        }
        let note = try #require(grown.section(named: ".note.mine"))
        #expect(note.type == .note && note.flags == [.alloc] && note.offset % 4 == 0)
        #expect(try grown.rawContents(of: note).bytes == [1, 2, 3, 4])
        let mine = try #require(grown.section(named: ".mine"))
        #expect(try grown.rawContents(of: mine).bytes == Array("text".utf8))
        #expect(try grown.symbols().map(\.name) == file.symbols().map(\.name))
    }

    @Test func `the usual tools read the result`() throws {
        let compiler = try Compiler()
        let path = try compiler.compile("int main(void) { return 0; }", ["-c", "-O2"])
        var appendix = SectionAppendix(try ELFFile(ByteStorage(reading: path)))
        appendix.add(".mine", type: .progbits, flags: [], alignment: 16, contents: Array("hello".utf8))
        let grown = try compiler.write(try appendix.encode(), name: "grown.o")
        let said = try compiler.run("/usr/bin/readelf", ["-W", "-S", "-p", ".mine", grown])
        #expect(said.contains("hello") && !said.contains("Warning") && !said.contains("Error"))
        _ = try compiler.run("/usr/bin/gcc", ["-o", compiler.path("program"), grown])
    }

    @Test(arguments: [UInt8(0), 1, 8])
    func `names in a section that is no table of strings are refused`(_ type: UInt8) throws {
        let file = try object()
        var bytes = file.bytes.bytes
        let names = try #require(file.sections.firstIndex { $0.name == ".shstrtab" })
        let table = Int(bytes[40]) | Int(bytes[41]) << 8
        bytes[table + 64 * names + 4] = type
        // Where such a file can be read at all, nothing is put behind it.
        guard let damaged = try? ELFFile(ByteView(bytes)) else { return }
        var appendix = SectionAppendix(damaged)
        appendix.add(".mine", type: .note, flags: [.alloc], alignment: 4, contents: [1])
        #expect(throws: ELFError.self) { try appendix.encode() }
    }

    @Test func `a file without names of sections is refused`() throws {
        var bytes = try object().bytes.bytes
        (bytes[62], bytes[63]) = (0, 0)
        let appendix = SectionAppendix(try ELFFile(ByteView(bytes)))
        #expect(throws: ELFError.self) { try appendix.encode() }
    }
}
