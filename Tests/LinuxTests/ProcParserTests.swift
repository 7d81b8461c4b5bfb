import Findings
import Linux
import Testing

@Suite struct `Process facts` {
    private func stat(_ text: String) -> ProcessStat? {
        let bytes = Array(text.utf8)
        return ProcessStat(parsing: bytes.span)
    }

    private func status(_ text: String) -> ProcessStatus? {
        let bytes = Array(text.utf8)
        return ProcessStatus(parsing: bytes.span)
    }

    static let numbers = "S 1 17 17 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 1000 2 18446744073709551615"

    @Test(arguments: ["bash", "a b", ") R 9 9 (", "x) (y", "two\nlines", "", "((", "))"])
    func `a name can't forge the fields behind it`(_ name: String) throws {
        let found = try #require(stat("42 (\(name)) \(Self.numbers)\n"))
        #expect(found.name == name)
        #expect(found.state == "S")
        #expect(found.parent == ProcessID(1))
        #expect(found.group == ProcessID(17))
        #expect(found.startTime == 4711)
        #expect(!found.isKernelThread)
        let bytes = Array("42 (\(name)) \(Self.numbers)\n".utf8)
        #expect(ProcessStat.state(in: bytes.span) == "S")
    }

    @Test func `tells kernel threads and zombies`() throws {
        #expect(
            try #require(stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 2 0\n")).isKernelThread)
        #expect(try #require(stat("2 (x) Z 0 0 0 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 2 0\n")).isZombie)
    }

    @Test func `every truncation of stat is refused or parsed, never a trap`() {
        let bytes = Array("42 (a) b) \(Self.numbers)".utf8)
        for count in bytes.indices {
            let cut = Array(bytes[..<count])
            if let found = ProcessStat(parsing: cut.span) { #expect(found.name == "a) b") }
        }
        #expect(stat(")(") == nil)
        #expect(stat("1 (a)") == nil)
        #expect(stat("1 (a) S 99999999999 0 0 0 -1 2 0 0 0 0 0 0 0 0 20 0 1 0 2 0") == nil)
    }

    @Test func `reads status and skips what it doesn't know`() throws {
        let found = try #require(
            status(
                """
                Name:\tx\\nTracerPid:\t99
                Tgid:\t12
                PPid:\t1
                TracerPid:\t0
                Uid:\t1\t2\t3\t4294967295
                NSpid:\t12\t7
                Threads:\t3
                SigBlk:\t0000000000010000
                NoNewPrivs:\t1
                Seccomp:\t2
                Seccomp_filters:\t4
                Future: words that mean nothing

                """))
        #expect(found.process == ProcessID(12) && found.parent == ProcessID(1) && found.tracer == ThreadID(0))
        #expect(found.users == [1, 2, 3, .max])
        #expect(found.namespaceIDs == [12, 7])
        #expect(found.threads == 3 && found.noNewPrivileges && found.seccompMode == 2)
        #expect(found.seccompFilters == 4 && found.blockedSignals == 0x10000)
    }

    @Test(arguments: [
        "", "Tgid:\t\n", "Tgid:\tx\n", "Name:\ta\n", "Tgid:\t1\nUid:\t99999999999\n", "Tgid: 1\nSigBlk:\t\n",
    ])
    func `refuses a malformed status`(_ text: String) {
        #expect(status(text) == nil)
    }

    @Test func `auxiliary vector ends at its terminator and survives truncation`() {
        var bytes: [UInt8] = []
        for word: UInt64 in [6, 4096, 33, 0x7fff_0000_0000, 0, 0, 9, 5] {
            for index in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(index * 8))) }
        }
        let vector = AuxiliaryVector(parsing: bytes.span)
        #expect(vector.pageSize == 4096)
        #expect(vector.vdso == RemoteAddress(0x7fff_0000_0000))
        #expect(vector.entry == nil)
        for count in bytes.indices {
            let cut = Array(bytes[..<count])
            #expect(AuxiliaryVector(parsing: cut.span)[9] == nil)
        }
    }

    @Test func `directory records with bent lengths are refused`() {
        // One record: inode, next, length 24, type 8, "7\0" and padding.
        var record = [UInt8](repeating: 0, count: 24)
        record[16] = 24
        record[18] = 8
        record[19] = UInt8(ascii: "7")
        func numbers(_ bytes: [UInt8]) -> [Int32]? {
            var found: [Int32] = []
            return DirectoryEntries.forEachNumber(in: bytes.span) { found.append($0) } ? found : nil
        }
        #expect(numbers(record + record) == [7, 7])
        for length: UInt8 in [0, 18, 19, 25, 255] {
            var bent = record
            bent[16] = length
            #expect(numbers(bent) == nil, "length \(length)")
        }
        for count in 1..<24 { #expect(numbers(Array(record[..<count])) == nil) }
        var unterminated = record
        for index in 19..<24 { unterminated[index] = UInt8(ascii: "1") }
        #expect(numbers(unterminated) == nil)
        var word = record
        word[20] = UInt8(ascii: "x")
        #expect(numbers(word) == [])
    }

    @Test func `reads the facts of this very process`() throws {
        var reader = ProcReader()
        let stat = try reader.stat(of: ProcessID.current)
        let status = try reader.status(of: ProcessID.current)
        #expect(status.process == ProcessID.current && stat.parent == status.parent)
        #expect(try reader.arguments(of: ProcessID.current).isEmpty == false)
        #expect(try reader.auxiliaryVector(of: ProcessID.current).vdso != nil)
        #expect(try reader.controlGroup(of: ProcessID.current).hasPrefix("/"))
        #expect(try ProcessFiles.executableClass(of: ProcessID.current) == .bits64)
        #expect(
            try ProcessFiles.executableIdentity(of: ProcessID.current) == FileFacts.of("/proc/self/exe").identity)
        #expect(try ProcessFiles.namespace("mnt", of: ProcessID.current) > 0)
        #expect(try ThreadList.now(of: ProcessID.current).contains(ThreadID.current))
        #expect(try ProcessList.now().contains(ProcessID.current))
    }

    @Test func `asking for code mappings and reading the text agree`() throws {
        var reader = ProcReader()
        let text = try reader.mappings(of: ProcessID.current).map(\.area)
            .filter { $0.isFile && $0.permissions.contains(.execute) }
        var asked: [MappedArea] = []
        try reader.forEachCodeMapping(of: .current) {
            asked.append($0)
            return true
        }
        #expect(asked == text && !asked.isEmpty)
        var first = 0
        try reader.forEachCodeMapping(of: .current) { _ in
            first += 1
            return false
        }
        #expect(first == 1)
    }

    @Test func `a process that has gone is reported as gone`() throws {
        var reader = ProcReader()
        let error = try #require(throws: SystemError.self) { try reader.mappings(of: ProcessID(.max)) }
        #expect(error.isGone)
        #expect(error.finding.code == .systemCall)
        #expect(error.finding.remedy.isEmpty == false)
    }
}
