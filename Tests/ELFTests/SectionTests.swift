import CompressedSections
import ELF
import TestSupport
import Testing

@Suite("what sections hold")
struct SectionTests {
    @Test(arguments: ["zlib", "zlib-gnu", "zstd"])
    func `compressed sections expand to what they were`(format: String) throws {
        let gcc = try Compiler()
        let plain = try gcc.compile(ELFFixture.program, ["-c", "-g3"], name: "plain.o")
        let packed = gcc.path("packed.o")
        _ = try gcc.run("/usr/bin/objcopy", ["--compress-debug-sections=" + format, plain, packed])
        let file = try ELFFile(gcc.read(packed))
        let original = try ELFFile(gcc.read(plain))
        var compressed = 0
        #expect(file.sections.count == original.sections.count)
        // By position: the sections of macros all have one name.
        for (section, twin) in zip(file.sections, original.sections) where section.type == .progbits {
            if section.flags.contains(.compressed) || section.name.hasPrefix(".z") { compressed += 1 }
            #expect(try file.expandedContents(of: section).bytes == original.rawContents(of: twin).bytes)
        }
        #expect(compressed > 0)
    }

    /// An object with one compressed section whose header claims `size`, and that stream.
    private func packed(_ format: UInt8, size: UInt64, _ stream: [UInt8]) throws -> (ELFFile, Section) {
        var object = ObjectWriter(machine: .x86_64)
        var contents = [format] + [UInt8](repeating: 0, count: 7)
        for shift in stride(from: 0, to: 64, by: 8) {
            contents.append(UInt8(truncatingIfNeeded: size >> UInt64(shift)))
        }
        contents += [1, 0, 0, 0, 0, 0, 0, 0] + stream
        _ = object.addSection(".debug_x", type: .progbits, flags: .compressed, alignment: 8, contents: contents)
        let file = try ELFFile(ByteView(object.encode().bytes))
        return (file, try #require(file.section(named: ".debug_x")))
    }

    /// `abc`, stored by zlib without compression.
    private let stored: [UInt8] = [0x78, 0x01, 1, 3, 0, 0xfc, 0xff, 0x61, 0x62, 0x63, 0x02, 0x4d, 0x01, 0x27]

    @Test func `a stream must have the size that its header claims`() throws {
        let (file, section) = try packed(1, size: 3, stored)
        #expect(try file.expandedContents(of: section).bytes == Array("abc".utf8))
        for size: UInt64 in [0, 2, 4, 1 << 20, 1 << 62, .max] {
            let (file, section) = try packed(1, size: size, stored)
            let error = #expect(throws: ELFError.self) { try file.expandedContents(of: section) }
            #expect(error?.kind == .compression)
        }
    }

    @Test func `a claim beyond the limit is refused before memory is taken`() throws {
        let (file, section) = try packed(1, size: 3, stored)
        #expect(throws: ELFError.self) { try file.expandedContents(of: section, limit: 2) }
        let (other, huge) = try packed(2, size: 1 << 50, [UInt8](repeating: 0, count: 1 << 20))
        #expect(throws: ELFError.self) { try other.expandedContents(of: huge) }
    }

    @Test func `an unknown compression is an error`() throws {
        let (file, section) = try packed(77, size: 3, stored)
        let error = #expect(throws: ELFError.self) { try file.expandedContents(of: section) }
        #expect(error?.kind == .unsupported)
    }

    @Test func `groups are those of readelf`() throws {
        let peer = try PeerFile.comdat.open()
        let theirs = try peer.words("readelf", "-gW").compactMap { words -> String? in
            guard words.first == "COMDAT", let name = words.first(where: { $0.hasPrefix("[_") }) else { return nil }
            return String(name.dropFirst().dropLast())
        }
        let groups = try peer.file().sectionGroups()
        #expect(groups.map(\.signature) == theirs)
        #expect(groups.count > 3)
        #expect(groups.allSatisfy { $0.isComdat && !$0.members.isEmpty })
    }

    @Test func `a group may be named by a section and hold its relocations`() throws {
        let file = try PeerFile.writtenGroups.open().file()
        let groups = try file.sectionGroups()
        #expect(groups.map(\.signature) == ["f", ".note.gnu.build-id"])
        #expect(groups.map(\.isComdat) == [true, false])
        let names = try groups[0].members.map { try file.section($0).name }
        #expect(names == [".text.f", ".rela.text.f", ".data.rel", ".rela.data.rel"])
    }

    @Test func `a stripped file names its debugging information`() throws {
        let gcc = try Compiler()
        let program = try gcc.compile(ELFFixture.program, ["-g"], name: "program")
        let debug = gcc.path("program.debug")
        _ = try gcc.run("/usr/bin/objcopy", ["--only-keep-debug", program, debug])
        _ = try gcc.run("/usr/bin/strip", [program])
        #expect(try ELFFile(gcc.read(program)).debugLink() == nil)
        _ = try gcc.run("/usr/bin/objcopy", ["--add-gnu-debuglink=" + debug, program])
        let link = try #require(try ELFFile(gcc.read(program)).debugLink())
        #expect(link.fileName == "program.debug")
        let theirs = try gcc.run("/usr/bin/readelf", ["-wk", program])
        #expect(theirs.contains("CRC value: 0x" + link.checksum.hex))
        #expect(try ELFFile(gcc.read(debug)).buildID() == ELFFile(gcc.read(program)).buildID())
    }

    @Test func `compilers name themselves`() throws {
        let file = try PeerFile.clangObject.open().file()
        #expect(try file.compilers().contains { $0.contains("clang version") })
    }

    @Test func `protection of indirect branches and returns is read from the properties`() throws {
        func features(_ flag: String) throws -> X86_64Features? {
            let bytes = try ELFFixture.compiled(["-c", "-fcf-protection=" + flag])
            return try ELFFile(ByteView(bytes)).notes().gnuProperties()?.x86_64Features
        }
        #expect(try features("full") == [.indirectBranchTracking, .shadowStack])
        #expect(try features("branch") == .indirectBranchTracking)
        #expect(try features("none") ?? [] == [])
    }

    @Test func `names that repeat a long table end in an error before they fill the memory`() throws {
        var object = ObjectWriter(machine: .x86_64)
        let long = String(repeating: "x", count: 1 << 14)
        _ = object.addSymbol(long, place: .undefined)
        for _ in 0..<400 { _ = object.addSymbol(String(long.dropFirst()), place: .undefined) }
        let file = try ELFFile(ByteView(object.encode().bytes))
        let error = #expect(throws: ELFError.self) { try file.symbols() }
        #expect(error?.kind == .inconsistent)
    }

    @Test(arguments: ["", "0", "0g", "+1", "é1", "abc", "1-"])
    func `text that isn't whole bytes of digits is no build-id`(text: String) {
        #expect(BuildID(hex: text) == nil)
    }

    @Test func `a build-id reads as it prints`() {
        #expect(BuildID(hex: "00Ff7a")?.description == "00ff7a")
    }
}
