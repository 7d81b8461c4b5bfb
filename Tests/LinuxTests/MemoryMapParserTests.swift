import Linux
import Testing

@Suite struct `Memory map parser` {
    static let sample = """
        5581c8a00000-5581c8a02000 r--p 00000000 fe:01 393284                     /usr/bin/a b  c
        5581c8a02000-5581c8a07000 r-xp 00002000 fe:01 393284                     /usr/bin/cat (deleted)
        7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0                          [stack]
        7f0000000000-7f0000001000 rwxs 00000000 00:01 9                          /memfd:x\\012y (deleted)
        7f0000002000-7f0000003000 ---p 00000000 00:00 0\u{20}
        ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]

        """

    private func parse(_ text: String) -> [MemoryMapping]? {
        let bytes = Array(text.utf8)
        return MemoryMapParser.mappings(in: bytes.span)
    }

    @Test func `reads numbers, permissions, names and the deleted mark`() throws {
        let found = try #require(parse(Self.sample))
        #expect(
            found.map(\.name) == ["/usr/bin/a b  c", "/usr/bin/cat", "[stack]", "/memfd:x\ny", "", "[vsyscall]"])
        #expect(found.map(\.isDeleted) == [false, true, false, true, false, false])
        #expect(found.map(\.area.permissions.description) == ["r--p", "r-xp", "rw-p", "rwxs", "---p", "--xp"])
        let text = found[1].area
        #expect(text.start == RemoteAddress(0x5581_c8a0_2000))
        #expect(text.range.count == 0x5000)
        #expect(text.offset == 0x2000)
        #expect(text.file.description == "fe:1:393284")
        #expect(text.isFile && !found[2].area.isFile)
    }

    @Test func `device numbers are encoded as by stat`() throws {
        let facts = try FileFacts.of("/proc/self/exe")
        let device = facts.identity.device
        var reader = ProcReader()
        let executable = try reader.mappings(of: .current).first { $0.area.file.inode == facts.identity.inode }
        #expect(executable?.area.file.device == device)
    }

    @Test(arguments: [
        "x", "\n", "1000-2000", "1000-2000 r-xp\n", "2000-1000 r-xp 0 0:0 0\n", "1000-1000 r-xp 0 0:0 0\n",
        "11112222333344445-2 r-xp 0 0:0 0\n", "1000-2000 rrxp 0 0:0 0\n",
        "1000-2000 r-xp 0 0:0 99999999999999999999\n",
        "1000-2000 r-xp 0 0:100000000 0\n", "1000-2000 r-xp 0 0:0 0/x\n", "1000-2000 r-xp 0 0:0 5 /no/line/feed",
        "-2000 r-xp 0 0:0 0\n", "1000-2000 r-xp 0 0:0 0 \n\n", "1000-2000 r-x",
    ])
    func `refuses a malformed line`(_ text: String) {
        #expect(parse(text) == nil)
    }

    @Test func `every truncation and every flipped bit is parsed or refused, never a trap`() {
        let bytes = Array(Self.sample.utf8)
        var refused = 0
        for count in bytes.indices {
            let cut = Array(bytes[..<count])
            if MemoryMapParser.mappings(in: cut.span) == nil { refused += 1 }
        }
        // Only cuts directly behind a line feed, and the empty text, are whole texts.
        #expect(refused == bytes.count - 6)
        for index in bytes.indices {
            for bit in 0..<8 {
                var bent = bytes
                bent[index] ^= UInt8(1 << bit)
                for mapping in MemoryMapParser.mappings(in: bent.span) ?? [] {
                    #expect(mapping.area.start < mapping.area.end)
                }
            }
        }
    }

    @Test func `stops when asked to`() {
        let bytes = Array(Self.sample.utf8)
        var seen = 0
        let whole = MemoryMapParser.forEach(in: bytes.span) { _, _ in
            seen += 1
            return seen < 2
        }
        #expect(whole && seen == 2)
    }
}
