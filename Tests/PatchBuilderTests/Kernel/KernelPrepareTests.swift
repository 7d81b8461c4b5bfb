import Testing

@testable import PatchBuilder

@Suite struct KernelPrepareTests {
    static let saved = """
        cmd_fs/pipe.o := gcc-12 -Wp,-MMD,fs/.pipe.o.d -I./include -DKBUILD_BASENAME='"pipe"' -DA=$(pound)x$$y -g -c \
        -o fs/pipe.o /src/fs/pipe.c   ; ./tools/objtool/objtool --orc --sls   fs/pipe.o

        source_fs/pipe.o := /src/fs/pipe.c
        """

    @Test func `repeats a saved line for another object`() throws {
        let command = try KernelCommand(saved: Self.saved, name: "fs/pipe.o")
        #expect(command.object == "fs/pipe.o")
        #expect(command.module == nil)
        #expect(
            command.compile(into: "/w/a.o", adding: ["-w"])
                == [
                    "gcc-12", "-I./include", "-DKBUILD_BASENAME=\"pipe\"", "-DA=#x$y", "-c", "-o", "/w/a.o",
                    "/src/fs/pipe.c", "-w",
                ])
        #expect(command.steps(on: "/w/a.o") == [["./tools/objtool/objtool", "--orc", "--sls", "/w/a.o"]])
    }

    @Test func `knows the module that an object is for`() throws {
        let text = Self.saved.replacing("-g -c", with: "-DMODULE -D__KBUILD_MODNAME=kmod_8021q -c")
            .replacing("cmd_fs", with: "savedcmd_fs")
        #expect(try KernelCommand(saved: text, name: "x").module == "8021q")
    }

    @Test(arguments: [
        ("./tools/objtool/objtool", "./scripts/recordmcount"), ("'\"pipe\"'", "'\"pipe\""),
        ("cmd_fs/pipe.o :=", "x"),
        (" -c ", " "),
    ])
    func `refuses lines that it can't repeat`(_ from: String, _ to: String) {
        let text = Self.saved.replacing(from, with: to)
        #expect(throws: BuildError.self) { try KernelCommand(saved: text, name: "fs/pipe.o") }
    }

    static let header = """
        #ifndef A_H
        #define LIMIT 4 /* a { comment */
        struct point { int x; int y; };
        enum color { RED, GREEN = 2 };
        static inline int near(struct point *p) {
            return p->x < LIMIT;
        }
        extern int count[4];
        DECLARE_THING(first, second);
        #define around(p) \\
            (near(p) + 1)
        #endif
        """

    @Test(arguments: [
        ("LIMIT 4", "LIMIT 5", ["LIMIT"]), ("p->x", "p->y", ["near"]),
        ("GREEN = 2", "GREEN = 3", ["color", "GREEN"]),
        ("count[4]", "count[5]", ["count"]), ("near(p) + 1", "near(p) + 2", ["around"]),
        ("int y;", "long y;", ["point"]), ("second", "third", ["first", "third"]),
    ])
    func `finds the names that a header's edit touches`(_ from: String, _ to: String, _ names: [String]) {
        let touched = HeaderNames.touched(Self.header, Self.header.replacing(from, with: to))
        #expect(touched.isSuperset(of: names))
        #expect(!touched.contains("unrelated"))
    }

    @Test func `comments and layout touch nothing`() {
        let text = Self.header.replacing("a { comment", with: "another").replacing("    return", with: "\treturn")
        #expect(HeaderNames.touched(Self.header, text).isEmpty)
    }

    @Test func `the line directives of a stabilised header touch nothing`() {
        let text = Self.header.replacing("    return", with: "#line 6\n    return")
        #expect(HeaderNames.touched(Self.header, text).isEmpty)
        let enumeration = Self.header.replacing("GREEN = 2 };", with: "GREEN = 3\n#line 4 \"a.h\"\n};")
        #expect(HeaderNames.touched(Self.header, enumeration) == ["color", "RED", "GREEN"])
    }

    @Test func `follows names from definition to definition`() {
        #expect(HeaderNames.defining(["LIMIT"], in: Self.header).contains("near"))
        #expect(HeaderNames.defining(["near"], in: Self.header).contains("around"))
        #expect(!HeaderNames.defining(["near"], in: Self.header).contains("count"))
        #expect(WordScan(["around"]).isIn(Array("int f(void) { return around(0); }".utf8)))
        #expect(!WordScan(["around"]).isIn(Array("int f(void) { return around2(0); }".utf8)))
    }
}
