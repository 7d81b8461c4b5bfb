import ELF
import Foundation
import TestSupport
import Testing

/// `lea message(%rip), %rdi; jmp puts@plt`, with the places of its two relocations.
private let helloCode: [UInt8] = [0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0]

private func hello(sections extra: Int = 0) -> (object: ObjectWriter, hello: ObjectWriter.SymbolID) {
    var object = ObjectWriter(machine: .x86_64)
    for number in 0..<extra {
        _ = object.addSection(".x.\(number)", type: .progbits, flags: [], alignment: 1, contents: [])
    }
    let text = object.addSection(
        ".text", type: .progbits, flags: [.alloc, .execinstr], alignment: 16, contents: helloCode)
    let strings = object.addSection(
        ".rodata.str1.1", type: .progbits, flags: [.alloc, .merge, .strings], alignment: 1, entrySize: 1,
        contents: Array("written by hand\0".utf8))
    _ = object.addSpace(".bss", flags: [.alloc, .write], alignment: 32, size: 4096)
    let hello = object.addSymbol(
        "hello", value: 0, size: UInt64(helloCode.count), type: .function, binding: .global, visibility: .default,
        place: .section(text))
    let puts = object.addSymbol("puts", place: .undefined)
    _ = object.addSymbol("hello.c", type: .file, binding: .local, place: .absolute)
    let message = object.addSymbol(".LC0", binding: .local, place: .section(strings))
    object.addRelocation(in: text, offset: 3, type: X86_64Relocation.pc32.rawValue, symbol: message, addend: -4)
    object.addRelocation(in: text, offset: 8, type: X86_64Relocation.plt32.rawValue, symbol: puts, addend: -4)
    return (object, hello)
}

private let mainSource = "extern void hello(void); int main(void) { hello(); return 0; }"

@Suite("object writer")
struct ObjectWriterTests {
    @Test func `its object is linked and run`() throws {
        let gcc = try Compiler(.gcc)
        let object = try gcc.write(hello().object.encode().bytes, name: "hello.o")
        let program = try gcc.compile(mainSource, [object, "-Wl,--fatal-warnings"], name: "main")
        #expect(try gcc.run(program, []) == "written by hand\n")
    }

    @Test func `binutils read it without a warning`() throws {
        let gcc = try Compiler(.gcc)
        let object = try gcc.write(hello().object.encode().bytes, name: "hello.o")
        let linked = gcc.path("linked.o")
        let outputs = [
            try gcc.run("/usr/bin/readelf", ["-aW", object]), try gcc.run("/usr/bin/objdump", ["-dr", object]),
            try gcc.run("/usr/bin/ld", ["--fatal-warnings", "-r", "-o", linked, object]),
            try gcc.run("/usr/bin/readelf", ["-aW", linked]), try gcc.run("/usr/bin/nm", [object]),
        ]
        for output in outputs {
            #expect(!output.lowercased().contains("warning"))
            #expect(!output.lowercased().contains("error"))
        }
        #expect(outputs[1].contains("R_X86_64_PLT32\tputs-0x4"))
        #expect(outputs[4].contains("0000000000000000 T hello"))
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/gdb"), "gdb is not installed"))
    func `gdb reads it without a warning`() throws {
        let gcc = try Compiler(.gcc)
        let object = try gcc.write(hello().object.encode().bytes, name: "hello.o")
        let text = try gcc.run("/usr/bin/gdb", ["-nx", "-batch", "-ex", "disassemble hello", object])
        #expect(text.contains("<+0>:\tlea"))
        #expect(!text.lowercased().contains("warning"))
    }

    @Test func `the reader finds what was added`() throws {
        let (object, id) = hello()
        let encoded = object.encode()
        let file = try ELFFile(ByteView(encoded.bytes))
        #expect(file.type == .relocatable)
        #expect(file.machine == .x86_64)
        let text = try #require(file.section(named: ".text"))
        #expect(try file.rawContents(of: text).bytes == helloCode)
        #expect(text.alignment == 16)
        #expect(text.offset % 16 == 0)
        #expect(file.section(named: ".bss")?.size == 4096)
        let symbols = try file.symbols()
        #expect(symbols[encoded.symbolIndex(id)].name == "hello")
        #expect(symbols[encoded.symbolIndex(id)].sectionIndex == text.index)
        #expect(try file.relocations(of: text).map(\.offset) == [3, 8])
        #expect(try file.relocations(of: text).map { symbols[$0.symbol].type } == [.notype, .notype])
    }

    @Test func `local symbols come before all others`() throws {
        let file = try ELFFile(ByteView(hello().object.encode().bytes))
        let table = try #require(file.sections.first { $0.type == .symtab })
        let bindings = try file.symbols().map(\.binding)
        #expect(bindings[..<table.info].allSatisfy { $0 == .local })
        #expect(!bindings[table.info...].contains(.local))
    }

    @Test func `equal calls give equal bytes`() {
        #expect(hello().object.encode().bytes == hello().object.encode().bytes)
    }

    @Test(arguments: [0xff00 - 12, 0xff00 - 8, 0xff00, 70_000])
    func `more sections than 16 bits can number are still linked`(count: Int) throws {
        let gcc = try Compiler(.gcc)
        let (object, id) = hello(sections: count)
        let encoded = object.encode()
        let file = try ELFFile(ByteView(encoded.bytes))
        #expect(file.sections.count > count)
        let symbol = try file.symbols()[encoded.symbolIndex(id)]
        #expect(try file.section(#require(symbol.sectionIndex)).name == ".text")
        let path = try gcc.write(encoded.bytes, name: "many.o")
        let program = try gcc.compile(mainSource, [path, "-Wl,--fatal-warnings"], name: "main")
        #expect(try gcc.run(program, []) == "written by hand\n")
    }

    @Test func `a group is dropped whole when another object has the same one`() throws {
        let gcc = try Compiler(.gcc)
        func object(_ value: UInt8) throws -> String {
            var object = ObjectWriter(machine: .x86_64)
            let text = object.addSection(
                ".text.answer", type: .progbits, flags: [.alloc, .execinstr], alignment: 16,
                contents: [0x8b, 0x05, 0, 0, 0, 0, 0xc3])
            let data = object.addSection(
                ".rodata.answer", type: .progbits, flags: .alloc, alignment: 4, contents: [value, 0, 0, 0])
            let answer = object.addSymbol(
                "answer", size: 7, type: .function, binding: .weak, place: .section(text))
            object.addRelocation(
                in: text, offset: 2, type: X86_64Relocation.pc32.rawValue, symbol: object.addSectionSymbol(data),
                addend: -4)
            object.addGroup(signature: answer, members: [text, data])
            return try gcc.write(object.encode().bytes, name: "answer\(value).o")
        }
        let objects = [try object(42), try object(43)]
        let program = try gcc.compile(
            "extern int answer(void); int main(void) { return answer() - 42; }",
            objects + ["-Wl,--fatal-warnings"], name: "main")
        _ = try gcc.run(program, [])
        #expect(!(try gcc.run("/usr/bin/readelf", ["-aW", objects[0]])).contains("arning"))
    }

    @Test func `names share their ends and stay apart as bytes`() throws {
        var object = ObjectWriter(machine: .x86_64)
        let names = ["rite", "write", "", "pwrite", "e", "\u{e9}", "e\u{301}", "write", "other"]
        let ids = names.map { object.addSymbol($0, place: .undefined) }
        let encoded = object.encode()
        let file = try ELFFile(ByteView(encoded.bytes))
        let symbols = try file.symbols()
        for (name, id) in zip(names, ids) {
            #expect(Array(symbols[encoded.symbolIndex(id)].name.utf8) == Array(name.utf8))
        }
        #expect(file.section(named: ".strtab")?.size == 1 + 7 + 6 + 3 + 4)
    }

    @Test func `writes further relocation tables and reserved section indices`() throws {
        var object = ObjectWriter(machine: .x86_64)
        let text = object.addSection(
            ".text", type: .progbits, flags: [.alloc, .execinstr], alignment: 16, contents: [0xe8, 0, 0, 0, 0])
        let symbol = object.addSymbol(".klp.sym.vmlinux.f,2", place: .reserved(0xff20))
        let table = object.addRelocationTable(".klp.rela.vmlinux..text", for: text, flags: [.alloc])
        object.addRelocation(in: table, offset: 1, type: 4, symbol: symbol, addend: -4)
        let file = try ELFFile(ByteView(object.encode().bytes))
        let section = try #require(file.section(named: ".klp.rela.vmlinux..text"))
        #expect(section.type == .rela && section.flags == [.alloc, .infoLink])
        #expect(try file.section(section.info).name == ".text")
        #expect(try file.section(section.link).type == .symtab)
        let relocation = try #require(try file.relocations(in: section).first)
        #expect(relocation.offset == 1 && relocation.addend == -4)
        #expect(try file.symbols()[relocation.symbol].place == .reserved(0xff20))
        #expect(file.section(named: ".rela.text") == nil)
    }
}
