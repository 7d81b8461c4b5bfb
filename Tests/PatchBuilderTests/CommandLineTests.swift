import Testing

@testable import PatchBuilder

@Suite struct CommandLineTests {
    @Test func `reads a driver's command line`() {
        let arguments = DriverArguments([
            "gcc", "-O2", "-g", "-I", "dir.c", "-x", "c++", "a.weird", "-x", "none", "-ofile", "b.c", "lib.a", "-c",
            "-MF", "x.d", "-include", "all.h", "-flto=auto", "-fno-lto",
        ])
        #expect(arguments.mode == .object)
        #expect(arguments.output == "file")
        #expect(arguments.sources.map(\.path) == ["a.weird", "b.c"])
        #expect(arguments.sources.map(\.language) == [.cxx, .c])
        #expect(arguments.linkerInputs == [12])
        #expect(arguments.hasDebugInfo)
        #expect(!arguments.usesLTO)
        #expect(DriverArguments(["gcc", "-E", "a.c"]).mode == .noObject)
        #expect(DriverArguments(["gcc", "-g", "-g0", "-c", "a.c"]).hasDebugInfo == false)
        #expect(DriverArguments(["gcc", "-o"]).output == nil)
        #expect(DriverArguments([]).sources.isEmpty)
    }

    @Test func `reads a linker's command line`() {
        let arguments = LinkerArguments([
            "ld", "-plugin", "p.so", "-plugin-opt=-pass-through=-lgcc", "--build-id", "-m", "elf_x86_64", "-shared",
            "-o", "libx.so", "crti.o", "-L/a", "-L", "b", "--sysroot=/s", "-soname=libx.so.1", "x.o", "-Bstatic",
            "-ly",
            "-Bdynamic", "-l:z.a", "--start-group", "q.a", "--end-group", "-z", "now", "-rpath", "/r",
            "--version-script=v.map", "-e", "start", "-b", "binary", "blob", "--format=elf64-x86-64", "w.o",
        ])
        #expect(arguments.kind == .sharedLibrary)
        #expect(arguments.output == "libx.so")
        #expect(arguments.soname == "libx.so.1")
        #expect(arguments.searchPaths == ["/a", "b"])
        #expect(arguments.sysroot == "/s")
        #expect(
            arguments.inputs == [
                .file("crti.o"), .file("x.o"), .library("y", staticOnly: true), .library(":z.a", staticOnly: false),
                .file("q.a"), .data("blob"), .file("w.o"),
            ])
        #expect(LinkerArguments(["ld", "-r", "-o", "x.o", "a.o"]).kind == .relocatable)
        #expect(LinkerArguments(["ld", "--version"]).makesNothing)
    }

    @Test func `reads response files as the tools do`() {
        let files = ["a": "-c 'one two' \"three\\\"\" @b \\\\", "b": "x\ny\t@b"]
        let words = ResponseFile.expanded(["gcc", "@a", "@none"]) { files[$0].map { Array($0.utf8) } }
        #expect(Array(words.prefix(6)) == ["gcc", "-c", "one two", "three\"", "x", "y"])
        #expect(words.suffix(2) == ["\\", "@none"])
    }

    @Test func `rewrites a command so that it makes one object and nothing else`() {
        let command = CompileCommand(
            id: 0, family: .gcc, compiler: "/usr/bin/gcc",
            arguments: [
                "/usr/bin/gcc", "-O2", "-MD", "-MF", "a.d", "-Wp,-MMD,x.d", "-save-temps",
                "-Wa,--noexecstack,-adhlns=a.lst",
                "-x", "c", "a.c", "b.c", "-x", "none", "m.o", "-lz", "-o", "prog", "-gsplit-dwarf", "-Wl,-z,now",
                "-DX=a.c",
            ],
            directory: "/d", environment: [], source: "/d/b.c", sourceArgument: "b.c", language: .c,
            output: "/tmp/x.o",
            digest: "")
        let unit = UnitCommand(command: command)
        #expect(
            unit.object("/o", sectioned: true) == [
                "/usr/bin/gcc", "-O2", "-Wa,--noexecstack", "-x", "c", "b.c", "-x", "none", "-Wl,-z,now", "-DX=a.c",
                "-c",
                "-o", "/o", "-w", "-ffunction-sections", "-fdata-sections", "-frandom-seed=b.c", "-g",
                "-gdwarf-4", "-gno-split-dwarf", "-gz=none", "-fno-debug-types-section", "-fno-var-tracking",
            ])
        #expect(unit.dependencies().suffix(2) == ["-M", "-w"])
        #expect(UnitCommand(command: command, source: "/d/c.c").object("/o", sectioned: false).contains("/d/c.c"))
        #expect(unit.environment(pinned: true).contains { $0.hasPrefix("SOURCE_DATE_EPOCH=") })
    }

    @Test func `reads make rules`() {
        let rule = "a.o: a.c \\\n dir\\ with\\ blank/b.h c\\#.h \\\n d$$.h\n\nb.h:\n"
        #expect(MakeRule.prerequisites(Array(rule.utf8)) == ["a.c", "dir with blank/b.h", "c#.h", "d$.h"])
    }

    @Test func `finds includes of a source`() {
        let text = Array("int x;\n #  include \"../lib/util.c\"\n#include <myutil.c>\n".utf8)
        #expect(IncludeScan.includes(text, [Array("util.c".utf8)]))
        #expect(IncludeScan.includes(text, [Array("myutil.c".utf8)]))
        #expect(!IncludeScan.includes(text, [Array("til.c".utf8)]))
    }

    @Test(arguments: [
        ("/usr/bin/x86_64-linux-gnu-ld.bfd", ["ld"], ToolRole.linker),
        ("/usr/bin/x86_64-linux-gnu-as", ["as"], .assembler),
        ("/usr/lib/llvm-14/bin/clang", ["clang", "-c"], .clangDriver),
        ("/usr/lib/llvm-14/bin/clang", ["clang", "-cc1"], .clangProper),
        ("/usr/lib/llvm-14/bin/clang-14", ["clang", "-cc1as"], .clangAssembler),
        ("/usr/bin/clangd", ["clangd"], .other),
        ("/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus", ["cc1plus"], .compilerCxx), ("/usr/bin/mold", ["ld"], .linker),
        ("/usr/bin/x86_64-linux-gnu-objcopy-2.40", [], .objectTool), ("/usr/bin/make", ["make"], .other),
        ("", [], .other),
    ])
    func `tells tools by their executable`(path: String, arguments: [String], role: ToolRole) {
        #expect(ToolRole(executable: path, arguments: arguments) == role)
    }

    @Test func `reads linker scripts`() {
        #expect(
            LinkInputs.namesInScript(
                "/* GNU */ OUTPUT_FORMAT(elf64)\nGROUP ( /a/libc.so.6 b.a AS_NEEDED(ld.so) )\nINPUT(-lz,q.o)")
                == ["/a/libc.so.6", "b.a", "ld.so", "-lz", "q.o"])
    }

    @Test func `survives damaged archives`() {
        func header(_ name: String, _ size: Int) -> [UInt8] {
            let fields = [(name, 16), ("0", 12), ("0", 6), ("0", 6), ("644", 8), ("\(size)", 10)]
            return fields.flatMap { Array($0.0.utf8) + Array(repeating: 32, count: $0.1 - $0.0.utf8.count) } + [
                0x60, 0x0A,
            ]
        }
        var archive = Array("!<arch>\n".utf8) + header("//", 12) + Array("long-name.o/".utf8)
        archive +=
            header("/0", 3) + [1, 2, 3, 10] + header("#1/4", 6) + Array("bsd.".utf8) + [7, 8] + header("s.o/", 1)
            + [9]
        let members = ArchiveMembers(archive).members
        #expect(members.map(\.name) == ["long-name.o", "bsd.", "s.o"])
        #expect(members.map { $0.bytes.map { Array(archive[$0]) } } == [[1, 2, 3], [7, 8], [9]])
        for length in 0...archive.count { _ = ArchiveMembers(Array(archive.prefix(length))) }
        for at in archive.indices {
            for value: UInt8 in [0, 47, 57, 255] {
                var damaged = archive
                damaged[at] = value
                let count = damaged.count
                for member in ArchiveMembers(damaged).members {
                    if let range = member.bytes { #expect(range.lowerBound >= 0 && range.upperBound <= count) }
                }
            }
        }
    }
}
