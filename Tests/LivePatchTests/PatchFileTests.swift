import ELF
import Findings
import Linux
import LivePatch
import Testing

@Suite struct `A patch file` {
    @Test func `reads back as it was written`() throws {
        let bytes = try samplePatch().encoded()
        let file = try PatchFile(ByteStorage(bytes))
        let patch = file.patch
        #expect(patch.name == "CVE-2026-0001")
        #expect(patch.machine == .x86_64)
        #expect(patch.changes == samplePatch().changes)
        #expect(patch.manifest == samplePatch().manifest)
        #expect(patch.diff == samplePatch().diff)
        #expect(patch.provenance.isEmpty)
        let target = try #require(patch.targets.first)
        #expect(target.buildID == samplePatch().targets[0].buildID)
        #expect(target.functions[0].original == samplePatch().targets[0].functions[0].original)
        #expect(target.functions[0].parts == samplePatch().targets[0].functions[0].parts)
        #expect(target.threadStorage == samplePatch().targets[0].threadStorage)
        #expect(patch.object.symbols[target.functions[0].replacement].name == "answer")
        #expect(patch.object.symbols[target.externals[0].symbol].name == "puts")
        let text = try #require(patch.object.sections.first { $0.name == ".text.answer" })
        #expect(text.relocations.map { patch.object.symbols[$0.symbol].name } == ["puts", ".LC0"])
        let counter = try #require(patch.object.sections.first { $0.name == ".bss.counter" })
        #expect(counter.size == 8 && counter.contents.isEmpty)
    }

    @Test func `is the same to the byte when written again from what was read`() throws {
        let bytes = try samplePatch().encoded()
        #expect(try samplePatch().encoded() == bytes)
        #expect(try PatchFile(ByteStorage(bytes)).patch.encoded() == bytes)
    }

    @Test func `has the digest of its bytes as its identity`() throws {
        let bytes = try samplePatch().encoded()
        #expect(try PatchFile(ByteStorage(bytes)).id == Digest(of: bytes))
    }

    @Test func `is refused when cut off anywhere`() throws {
        let bytes = try samplePatch().encoded()
        for length in 0..<bytes.count {
            #expect(throws: PatchFileError.self, "cut to \(length) bytes") {
                try PatchFile(ByteStorage(Array(bytes[..<length])))
            }
        }
    }

    @Test func `with any one bit flipped is either refused or still well-formed`() throws {
        let bytes = try samplePatch().encoded()
        for position in 0..<bytes.count * 8 {
            var flipped = bytes
            flipped[position / 8] ^= 1 << UInt8(position % 8)
            do throws(PatchFileError) {
                let file = try PatchFile(ByteStorage(flipped))
                try file.patch.validate()
            } catch {
                #expect(error.finding.remedy.isEmpty == false)
            }
        }
    }

    @Test func `of a newer format is refused with the version`() throws {
        var bytes = try samplePatch().encoded()
        let magic = try #require(bytes.firstRange(of: Array("TSUGITE\0".utf8)))
        bytes[magic.upperBound] = 9
        #expect(throws: PatchFileError(.version(9), "version of the table")) {
            try PatchFile(ByteStorage(bytes))
        }
    }

    @Test func `that is another kind of ELF object is refused`() throws {
        #expect(throws: PatchFileError.self) { try PatchFile(ByteStorage(mapping: "/proc/self/exe")) }
        #expect(throws: PatchFileError.self) { try PatchFile(ByteStorage([])) }
        #expect(throws: PatchFileError.self) { try PatchFile(ByteStorage([0x7f, 0x45, 0x4c, 0x46])) }
    }
}
