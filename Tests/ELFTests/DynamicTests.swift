import ELF
import Foundation
import Glibc
import Linux
import TestSupport
import Testing

@Suite("what the loader reads")
struct DynamicTests {
    @Test(arguments: ["gnu", "sysv", "both"])
    func `each definition is found under its version by either hash table`(style: String) throws {
        let bytes = try ELFFixture.versioned(["-Wl,--hash-style=" + style])
        for bytes in [bytes, ELFFixture.withoutSections(bytes)] {
            let symbols = try #require(try ELFFile(ByteView(bytes)).dynamicSymbols())
            #expect(try symbols.find("answer")?.fullName == "answer@@V2")
            #expect(try symbols.find("answer", version: "V1")?.fullName == "answer@V1")
            #expect(try symbols.find("answer", version: "V2")?.fullName == "answer@@V2")
            #expect(try symbols.find("answer", version: "V3") == nil)
            #expect(try symbols.find("chosen")?.symbol.type == .gnuIFunc)
            #expect(try symbols.find("puts") == nil)
            #expect(try symbols.find("answe") == nil)
            let references = try symbols.all().filter { $0.symbol.name == "puts" }
            #expect(references.map(\.version?.library) == ["libc.so.6"])
        }
    }

    @Test func `each definition of the C library is found where the table has it`() throws {
        let file = try PeerFile.libc.open().file()
        let symbols = try #require(try file.dynamicSymbols())
        let all = try symbols.all()
        #expect(all.count == (try file.symbols(.dynsym)).count)
        for symbol in all where !symbol.symbol.isUndefined && symbol.symbol.binding != .local {
            let found = try symbols.find(symbol.symbol.name, version: symbol.version?.name)
            #expect(found?.symbol.value == symbol.symbol.value)
        }
    }

    @Test func `packed relative relocations are those that unpacking gives`() throws {
        let flags = ["-shared", "-fPIC"]
        let table = "int v; void *p[200] = {" + String(repeating: "&v,0,&v,", count: 60) + "};"
        let source = "static " + table + " void **q(void) { return p; }"
        let plain = try ELFFile(ByteView(ELFFixture.compiled(flags, .gcc, source)))
        let packed = try ELFFile(
            ByteView(ELFFixture.compiled(flags + ["-Wl,-z,pack-relative-relocs"], .gcc, source)))
        func moved(_ file: ELFFile) throws -> [UInt64] {
            let dynamic = try #require(try file.dynamicSection())
            let base = try #require(file.section(named: ".data")?.address)
            let relative = try file.dynamicRelocations(dynamic).filter {
                $0.type == X86_64Relocation.relative.rawValue && $0.offset >= base
            }
            return relative.map { $0.offset - base }.sorted()
        }
        #expect(try packed.dynamicSection()?[.relr] != nil)
        #expect(try moved(packed) == moved(plain))
        #expect(try moved(packed).count >= 120)
    }

    @Test(arguments: [ELFFixture.shared, .pie, .executable])
    func `a file without section table shows the same stubs to the loader`(fixture: ELFFixture) throws {
        let bytes = try fixture.make()
        let stubs = try ELFFile(ByteView(bytes)).pltEntries()
        let found = try ELFFile(ByteView(ELFFixture.withoutSections(bytes))).pltEntries()
        #expect(!found.isEmpty)
        #expect(found.allSatisfy(stubs.contains))
    }

    @Test func `flags say how a component is loaded`() throws {
        let now = try ELFFile(ByteView(ELFFixture.compiled(["-pie", "-fPIE", "-Wl,-z,now", "-Wl,-rpath,/opt/x"])))
        let dynamic = try #require(try now.dynamicSection())
        #expect(dynamic.flags.contains(.bindNow))
        #expect(dynamic.isPIE)
        #expect(dynamic.runpath == "/opt/x")
        #expect(!dynamic.flags.contains(.textRelocations))
        #expect(dynamic[.debug] != nil)
        #expect(try ELFFile(ByteView(ELFFixture.object.make())).dynamicSection() == nil)
    }
}

@Suite("modules in memory")
struct MemoryImageTests {
    /// Reads this process through `/proc/self/mem`, which fails where memory isn't mapped.
    private func ownMemory() throws -> PagedBytes {
        let descriptor = unsafe open("/proc/self/mem", O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        return PagedBytes { (address, count) throws(ELFError) in
            var bytes = [UInt8](repeating: 0, count: count)
            // The array has room for `count` bytes.
            let got = unsafe pread(descriptor, &bytes, count, off_t(truncatingIfNeeded: address))
            guard got == count else { throw ELFError(.unreadable, at: address, "own memory") }
            return bytes
        }
    }

    /// Where the first mapping of a file starts in this process.
    private static func mapped(_ name: String) -> UInt64? {
        let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
        let line = maps?.split(separator: "\n").first { $0.hasSuffix(name) }
        return line.flatMap { number($0.prefix { $0 != "-" }) }
    }

    @Test func `the C library of this process is read from its memory`() throws {
        // The handle of no library in particular searches all of them; both calls only look things up.
        let known = try #require(unsafe UInt64(UInt(bitPattern: dlsym(nil, "qsort_r"))))
        let image = try MemoryImage(headerAt: #require(Self.mapped("libc.so.6")), ownMemory())
        let found = try #require(try image.dynamicSymbols()?.find("qsort_r"))
        #expect(found.symbol.value &+ image.bias == known)
        #expect(image.span?.contains(known) == true)
        let file = try ELFFile(ByteStorage(reading: PeerFile.libc.rawValue))
        #expect(try image.buildID() == file.buildID())
        #expect(try image.dynamicSection()?.soname == "libc.so.6")
        #expect(try image.unwindTables() == file.unwindTables())
    }

    @Test(.enabled(if: mapped("[vdso]") != nil, "this kernel maps no vDSO"))
    func `the vDSO is read though its pointers were not moved`() throws {
        let image = try MemoryImage(headerAt: #require(Self.mapped("[vdso]")), ownMemory())
        let symbols = try #require(try image.dynamicSymbols())
        #expect(try symbols.find("__vdso_clock_gettime", version: "LINUX_2.6") != nil)
    }

    @Test(arguments: [ELFFixture.shared, .pie, .executable, .tinyStripped, .staticProgram])
    func `a mapped file reads like the file`(fixture: ELFFixture) throws {
        let file = try ELFFile(ByteView(fixture.make()))
        let image = try ELFExercise.memory(of: file)
        #expect(image.segments == file.segments)
        #expect(try image.buildID() == file.buildID())
        #expect(try image.dynamicSymbols()?.all() == file.dynamicSymbols()?.all())
    }

    @Test func `memory that is not there is an error with its address`() throws {
        let memory = try ownMemory()
        let error = #expect(throws: ELFError.self) { try MemoryImage(headerAt: 0x1000, memory) }
        #expect(error?.kind == .unreadable)
        #expect(error?.offset == 0x1000)
        #expect(throws: ELFError.self) { try memory.bytes(atAddress: .max - 2, count: 8) }
        #expect(throws: ELFError.self) { try memory.bytes(atAddress: 0, count: .max) }
    }
}
