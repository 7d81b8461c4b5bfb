import Findings
import Linux
import Testing

@testable import PatchBuilder

private let mainText = "int f(int); int main(void) { return f(1); }\n"
private let libText = "int f(int x) { return x + 1; }\n"

/// Real builds under the tracer.
///
/// Needs the right to trace own children, which every user has.
@Suite(.serialized) struct CaptureTests {
    @Test func `captures plain make with gcc and leaves the tree as it was`() throws {
        let project = try Project([
            "main.c": mainText, "lib/f.c": libText,
            "Makefile": "CC = gcc\nprog: main.o lib/f.o\n\t$(CC) -o $@ $^\n%.o: %.c\n\t$(CC) -O2 -c -o $@ $<\n",
        ])
        let before = try project.digest()
        let build = try project.reproduce("make")
        #expect(build.summary == ["prog: main.c lib/f.c"])
        #expect(build.compiles.map(\.family) == [.gcc, .gcc])
        #expect(build.compiles.map(\.language) == [.c, .c])
        #expect(build.tree.seen == project.source)
        #expect(build.outputs.first?.kind == .executable)
        #expect(try project.digest() == before)
        #expect(FileFacts.exists(build.outputs.first?.file ?? ""))
    }

    @Test(.enabled(if: has("autoreconf") && has("libtoolize"), "needs autoconf, automake, libtool"))
    func `captures autotools with libtool`() throws {
        let project = try Project([
            "configure.ac": """
            AC_INIT([demo], [1.0])
            AM_INIT_AUTOMAKE([foreign subdir-objects])
            LT_INIT
            AC_PROG_CC
            AC_CONFIG_FILES([Makefile])
            AC_OUTPUT

            """,
            "Makefile.am": """
            lib_LTLIBRARIES = libf.la
            libf_la_SOURCES = lib/f.c lib/g.c
            libf_la_LDFLAGS = -version-info 3:1:2
            noinst_LTLIBRARIES = libc0.la
            libc0_la_SOURCES = lib/h.c
            libf_la_LIBADD = libc0.la
            bin_PROGRAMS = prog
            prog_SOURCES = main.c
            prog_LDADD = libf.la

            """,
            "main.c": mainText, "lib/f.c": "int h(int); int g(int); int f(int x) { return g(x) + h(x); }\n",
            "lib/g.c": "int g(int x) { return x * 3; }\n", "lib/h.c": "int h(int x) { return x * 5; }\n",
        ])
        let build = try project.reproduce("autoreconf -fi && ./configure && make -j2")
        let summary = build.summary
        #expect(summary.contains("libf.so.1.2.1: lib/f.c lib/g.c lib/h.c"))
        #expect(summary.contains("prog: main.c"))
        // Nothing of configure's trials is kept.
        #expect(!build.compiles.contains { $0.source.contains("conftest") })
        #expect(build.outputs.contains { $0.kind == .sharedLibrary && $0.soname == "libf.so.1" })
        // libtool compiles each library source twice; the shared library holds the -fPIC one.
        let shared = build.outputs.first { $0.kind == .sharedLibrary }.map { build.compiles(of: $0) } ?? []
        #expect(shared.allSatisfy { $0.arguments.contains("-fPIC") })
    }

    @Test(
        .enabled(if: has("cmake") && has("ninja"), "needs cmake, ninja-build"),
        arguments: ["Unix Makefiles", "Ninja"])
    func `captures CMake`(generator: String) throws {
        let project = try Project([
            "CMakeLists.txt": """
            cmake_minimum_required(VERSION 3.10)
            project(demo C CXX)
            add_library(core STATIC f.c)
            add_library(shared SHARED s.cpp)
            add_executable(prog main.c)
            target_link_libraries(prog core)

            """,
            "main.c": mainText, "f.c": libText, "s.cpp": "int s() { return 4; }\n",
        ])
        let build = try project.reproduce("cmake -G '\(generator)' -S . -B out && cmake --build out -j2")
        // CMake leaves its compiler trials in its folder, too.
        #expect(Set(build.summary).isSuperset(of: ["libshared.so: s.cpp", "prog: main.c f.c"]))
        #expect(build.compiles.contains { $0.language == .cxx })
    }

    @Test(.enabled(if: has("meson") && has("ninja"), "needs meson, ninja-build"))
    func `captures Meson`() throws {
        let project = try Project([
            "meson.build": """
            project('demo', 'c')
            core = static_library('core', 'f.c')
            executable('prog', 'main.c', link_with: core)

            """,
            "main.c": mainText, "f.c": libText,
        ])
        let build = try project.reproduce("meson setup out && ninja -C out -j2")
        // Meson's static libraries are thin archives; its compiler trials stay in its folder.
        #expect(build.summary.contains("prog: main.c f.c"))
    }

    @Test(
        .enabled(if: has("/usr/bin/clang"), "needs clang"),
        arguments: [
            "clang -c main.c && clang -c f.c && clang -o prog main.o f.o", "clang -O2 -o prog main.c f.c",
            "clang -c main.c f.c && clang -fuse-ld=lld -o prog main.o f.o",
            "clang -fno-integrated-as -c main.c f.c && clang -o prog main.o f.o",
        ])
    func `captures clang`(command: String) throws {
        let project = try Project(["main.c": mainText, "f.c": libText])
        let build = try project.reproduce(command.replacing("clang ", with: "/usr/bin/clang "))
        #expect(build.summary == ["prog: main.c f.c"])
        #expect(build.compiles.allSatisfy { $0.family == .clang })
    }

    @Test(.enabled(if: has("/usr/bin/clang++"), "needs clang"))
    func `keeps the name under which clang was called`() throws {
        let project = try Project(["a.c": "class A { public: int x; }; int main() { A a; a.x = 0; return a.x; }\n"])
        let build = try project.reproduce(
            "/usr/bin/clang++ -Wno-deprecated -x c++ -c a.c && /usr/bin/clang++ -o prog a.o")
        #expect(build.compiles.map { BuildPath.name($0.arguments[0]) } == ["clang++"])
        #expect(build.compiles.map(\.language) == [.cxx])
    }

    @Test(arguments: [
        "gcc -o prog main.c f.c", "gcc -pipe -O2 -o prog main.c f.c", "gcc -save-temps -o prog main.c f.c",
        "gcc -c main.c f.c && gcc -o prog main.o f.o",
        "gcc -g -gsplit-dwarf -c main.c f.c && gcc -o prog main.o f.o",
        "echo '-O2 -c \"main.c\" -o m.o' > args; gcc @args && gcc -c f.c && gcc m.o f.o -o prog",
        "gcc -c main.c -o /tmp/tsugite-x.o; mv /tmp/tsugite-x.o y.o; gcc -c f.c; cp f.o z.o; rm f.o; gcc -o prog y.o z.o",
        "gcc -x c -c main.c -x none f.c && gcc -o prog main.o f.o",
        "gcc -S main.c && gcc -c main.s && gcc -c f.c && gcc -o prog.tmp main.o f.o && mv prog.tmp prog",
        "gcc -c main.c f.c; ld -r -o both.o main.o f.o; gcc -o prog both.o",
        "gcc -c f.c main.c; ar rcsT libf.a f.o; gcc -o prog main.o -L. -lf",
        "gcc -c f.c main.c; ar rcs libf.a f.o; echo 'INPUT(libf.a)' > libg.so; gcc -o prog main.o -L. -lg",
        "gcc -c f.c main.c; ar cr a-library-with-a-very-long-name.a f.o; gcc -o prog main.o a-l*.a",
        "gcc -c main.c f.c; strip -g f.o; gcc -o prog main.o f.o", "gcc -o prog main.c f.c; strip prog",
        "gcc -c main.c f.c; gcc -fuse-ld=gold -o prog main.o f.o",
    ])
    func `captures by content, whatever way objects go`(command: String) throws {
        let project = try Project(["main.c": mainText, "f.c": libText])
        let build = try project.reproduce(command)
        #expect(build.outputs.count == 1)
        let sources = build.summary.map { $0.replacing("*", with: "").replacing("main.s", with: "main.c") }
        #expect(sources.first?.hasSuffix(": main.c f.c") == true, "\(sources)")
        #expect(build.outputs.first.map { !build.bypassed(in: $0).isEmpty } == false)
    }

    @Test(.enabled(if: has("nasm"), "needs nasm"))
    func `captures assembly and data`() throws {
        let project = try Project([
            "main.c":
                "int f(int); int n(void); extern char _binary_blob_start[]; int main(void) { return f(1) + n() + _binary_blob_start[0]; }\n",
            "f.s": ".globl f\nf: mov %edi, %eax\n ret\n", "n.asm": "bits 64\nglobal n\nn: mov eax, 1\n ret\n",
            "blob": "data\n",
        ])
        let build = try project.reproduce(
            "gcc -c main.c; as -o f.o f.s; nasm -felf64 -o n.o n.asm; ld -r -b binary -o blob.o blob; gcc -o prog main.o f.o n.o blob.o"
        )
        #expect(build.summary == ["prog: main.c f.s n.asm data:blob"])
        #expect(build.compiles.map(\.family) == [.gcc, .assembler, .assembler])
    }

    @Test(.enabled(if: has("ccache"), "needs ccache"))
    func `a compiler cache hides nothing`() throws {
        let project = try Project(["main.c": mainText, "f.c": libText])
        let build = try project.reproduce(
            "export CCACHE_DIR=$PWD/.ccache; for i in 1 2; do rm -f *.o; ccache gcc -c main.c; ccache gcc -c f.c; done; gcc -o prog main.o f.o"
        )
        #expect(build.summary == ["prog: main.c f.c"])
        #expect(build.compiles.allSatisfy { !$0.compiler.contains("ccache") })
    }

    @Test func `names an object that no captured compile made`() throws {
        let project = try Project(["main.c": mainText, "f.c": libText, "hidden.sh": "#!/bin/sh\nexit 0\n"])
        try project.shell("gcc -c f.c && base64 f.o > f.o.b64 && rm f.o")
        let build = try project.reproduce("gcc -c main.c && base64 -d f.o.b64 > f.o && gcc -o prog main.o f.o")
        #expect(build.summary == ["prog: main.c ?f.o"])
        #expect(build.outputs.flatMap { build.bypassed(in: $0) }.map { BuildPath.name($0.path) } == ["f.o"])
    }

    @Test func `compiles again what an earlier build left in the tree`() throws {
        let project = try Project([
            "main.c": mainText, "f.c": libText,
            "Makefile": "prog: main.o f.o\n\tgcc -o $@ $^\n%.o: %.c\n\tgcc -c -o $@ $<\n",
        ])
        try project.shell("make")
        let before = try project.digest()
        let build = try project.reproduce("make")
        #expect(build.summary == ["prog: main.c f.c"])
        #expect(build.removedBeforeBuild == ["f.o", "main.o", "prog"])
        #expect(try project.digest() == before)
    }

    @Test func `tells that a link was link-time optimised`() throws {
        let project = try Project(["main.c": mainText, "f.c": libText])
        #expect(try project.reproduce("gcc -O2 -flto -o prog main.c f.c").outputs.map(\.usesLTO) == [true])
        #expect(try project.reproduce("gcc -O2 -o prog main.c f.c").outputs.map(\.usesLTO) == [false])
    }

    @Test(.enabled(if: has("/usr/bin/clang") && has("ld.lld"), "needs clang, lld"))
    func `tells that a clang link was link-time optimised`() throws {
        let project = try Project(["main.c": mainText, "f.c": libText])
        let command =
            "/usr/bin/clang -flto=thin -c main.c f.c && /usr/bin/clang -flto=thin -fuse-ld=lld -o prog main.o f.o"
        #expect(try project.reproduce(command).outputs.map(\.usesLTO) == [true])
    }

    @Test func `a tree that doesn't build ends with the last lines and the log`() throws {
        let project = try Project(["a.c": "int main(void) { return nothing; }\n"])
        let finding = refused { _ = try project.reproduce("echo begin; gcc -c a.c; exit 3") }
        #expect(finding?.code == .buildFailed)
        #expect(finding?.evidence.contains { $0.name == "last lines" && $0.value.contains("nothing") } == true)
        #expect(finding?.evidence.contains(.init("status", "exit 3")) == true)
        let log = finding?.evidence.first { $0.name == "log" }?.value ?? ""
        #expect(try FileSystem.readText(log).hasPrefix("begin\n"))
        #expect(!FileFacts.exists(FileSystem.parent(of: log) + "/tree"))
    }

    @Test func `uses a build again while tree, command and compiler stay`() throws {
        let project = try Project(["main.c": mainText, "f.c": libText])
        let command = "gcc -o prog main.c f.c; echo built >> ../work/count"
        let first = try project.reproduce(command)
        #expect(try project.reproduce(command) == first)
        #expect(try FileSystem.readText(project.work + "/count") == "built\n")
        try project.write("f.c", libText + "/* more */\n")
        #expect(try project.reproduce(command) != first)
        #expect(try FileSystem.readText(project.work + "/count") == "built\nbuilt\n")
    }

    @Test func `the same tree built in place and under capture is the same to the byte`() throws {
        let project = try Project([
            "main.c": "#include <assert.h>\nint f(int); int main(int c, char **v) { assert(c); return f(c); }\n",
            "f.c": libText,
        ])
        let command = "gcc -g -O2 -Wl,--build-id -o prog $PWD/main.c $PWD/f.c"
        try project.shell(command)
        let shipped = try FileSystem.read(project.source + "/prog")
        let build = try project.reproduce(command)
        #expect(try FileSystem.read(build.outputs.first?.file ?? "") == shipped)
    }
}
