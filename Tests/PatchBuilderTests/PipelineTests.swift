import ELF
import Findings
import Linux
import Synchronization
import Testing

@testable import PatchBuilder

private let server = """
    #include "config.h"
    #include <assert.h>
    #include <stdio.h>
    int limit(int x);
    static int check(int x)
    {
        assert(x < 100);
        return x;
    }
    int main(int argc, char **argv)
    {
        printf("%d %d\\n", check(argc), limit(argc));
        assert(argv);
        return 0;
    }

    """
private let limitText = "#include \"config.h\"\nint limit(int x) { return x > LIMIT ? LIMIT : x; }\n"
private let otherText = "int other(int x) { return x; }\n"

/// A program of three units, its makefile, built in place as the shipped one.
private func program(_ compiler: String = "gcc -O2 -g") throws -> Project {
    let project = try Project([
        "server.c": server, "limit.c": limitText, "other.c": otherText, "config.h": "#define LIMIT 7\n",
        "README": "text\n", "tests/t.c": "int main(void) { return 0; }\n",
        "Makefile":
            "prog: server.o limit.o other.o\n\t\(compiler) -o $@ $^\n%.o: %.c\n\t\(compiler) -c -MMD -o $@ $<\n",
    ])
    try project.shell("make && cp prog ../shipped && make -s clean 2>/dev/null; rm -f *.o *.d prog")
    return project
}

extension Project {
    var shipped: String { source + "/../shipped" }

    /// Runs the front half for one diff.
    func build(_ diff: String, from stage: BuildStage? = nil, command: String? = "make") throws -> BuildState {
        var request = request(command, patches: [try beside("fix.diff", diff)], targets: [shipped])
        request.redoFrom = stage
        return try BuildPipeline(request).run { (state: BuildState) throws(BuildError) in state }
    }
}

/// Bytes of the section of one function.
private func code(_ object: String, _ function: String) throws -> [UInt8] {
    let file = try ELFFile(ByteView(try FileSystem.read(object)))
    // `main` lies in .text.startup.main when it is optimised.
    let name = file.sections.map(\.name).first { $0.hasPrefix(".text.") && $0.hasSuffix("." + function) }
    let section = try #require(name.flatMap { file.section(named: $0) })
    return try file.rawContents(of: section).bytes
}

private let headerFix = "--- a/config.h\n+++ b/config.h\n@@ -1 +1 @@\n-#define LIMIT 7\n+#define LIMIT 8\n"
private let sourceFix = """
    --- a/server.c
    +++ b/server.c
    @@ -4,5 +4,8 @@
     int limit(int x);
     static int check(int x)
     {
    +    /* a comment
    +       of two lines */
    +    if (x < 0) return 0;
         assert(x < 100);
         return x;

    """

@Suite(.serialized) struct PipelineTests {
    @Test(arguments: ["gcc -O2 -g", "gcc -O0", "/usr/bin/clang -O2 -g"])
    func `compiles the edited unit twice and keeps line numbers`(compiler: String) throws {
        let project = try program(compiler)
        let before = try project.digest()
        let state = try project.build(sourceFix)
        let pair = try #require(state.units.pairs.first)
        #expect(state.units.pairs.count == 1)
        #expect(pair.unit == "server.c")
        #expect(pair.reach == .source)
        #expect(pair.isOriginalExact)
        #expect(pair.hasDebugInfo == compiler.hasSuffix("-g"))
        #expect(state.targets.map(\.reason) == [.buildID])
        // `main` asserts below the edit; its code must not show it. Inlining may: so look at -O0 only.
        if compiler == "gcc -O0" {
            #expect(try code(pair.pre, "main") == code(pair.post, "main"))
            #expect(try code(pair.pre, "check") != code(pair.post, "check"))
        }
        #expect(try project.digest() == before)
        // The copy is as it was, too.
        #expect(try FileSystem.readText(state.build.tree.copy + "/server.c") == server)
    }

    @Test func `a header reaches every unit that includes it, and no other`() throws {
        let project = try program()
        let state = try project.build(headerFix)
        #expect(state.units.pairs.map(\.unit) == ["server.c", "limit.c"])
        #expect(state.units.pairs.map(\.reach) == [.includes(["config.h"]), .includes(["config.h"])])
        let limit = try #require(state.units.pairs.last)
        #expect(try code(limit.pre, "limit") != code(limit.post, "limit"))
        defer { withExtendedLifetime(project) {} }
        #expect(try code(state.units.pairs[0].pre, "main") == code(state.units.pairs[0].post, "main"))
    }

    @Test func `an edit of a comment gives the same object twice`() throws {
        let fix =
            "--- a/server.c\n+++ b/server.c\n@@ -3,3 +3,5 @@\n #include <stdio.h>\n+/* one\n+   two */\n int limit(int x);\n static int check(int x)\n"
        let project = try program("gcc -O2")
        let pair = try #require(try project.build(fix).units.pairs.first)
        #expect(try FileSystem.read(pair.pre) == FileSystem.read(pair.post))
        withExtendedLifetime(project) {}
    }

    @Test func `a second diff for the same tree builds nothing`() throws {
        let project = try program()
        _ = try project.build(sourceFix)
        let started = Mutex<[String]>([])
        let request = project.request(
            "make", patches: [try project.beside("two.diff", headerFix)], targets: [project.shipped])
        let units = try BuildPipeline(request, report: { step in started.withLock { $0.append(step.detail) } })
            .run { (state: BuildState) throws(BuildError) in state.units.pairs.count }
        #expect(units == 2)
        #expect(started.withLock { $0 }.contains("using the build of this tree made before"))
        #expect(!started.withLock { $0 }.contains("copying the tree"))
    }

    @Test func `two runs for one tree take turns, and build it once`() throws {
        let project = try program()
        let command = "make && echo built >> ../work/count"
        let patch = try project.beside("fix.diff", sourceFix)
        let request = project.request(command, patches: [patch], targets: [project.shipped])
        let pairs = try Parallel.map(3, jobs: 3) { _ throws(BuildError) in
            try BuildPipeline(request).run { (state: BuildState) throws(BuildError) in state.units.pairs.count }
        }
        #expect(pairs == [1, 1, 1])
        #expect(try FileSystem.readText(project.work + "/count") == "built\n")
    }

    @Test func `a result is kept until it is asked to be made again`() throws {
        let project = try program()
        let first = try project.build(sourceFix)
        let object = try #require(first.units.pairs.first?.post)
        let made = try FileFacts.of(object).modified
        #expect(try project.build(sourceFix).units == first.units)
        #expect(try FileFacts.of(object).modified == made)
        _ = try project.build(sourceFix, from: .compileTwice)
        #expect(try FileFacts.of(object).modified != made)
        for stage in [BuildStage.stabilise, .compileTwice] {
            #expect(try FileSystem.readText(first.store.path(of: stage)).hasPrefix("{\n  \"key\""))
        }
    }

    @Test func `the patched source's error is shown as the compiler says it`() throws {
        let fix = sourceFix.replacing("if (x < 0) return 0;", with: "if (x < nowhere) return 0;")
        let project = try program()
        let finding = refused { _ = try project.build(fix) }
        #expect(finding?.code == .postFailed)
        #expect(finding?.evidence.contains { $0.name == "output" && $0.value.contains("nowhere") } == true)
        // Everything is back in its place: the good diff goes through.
        #expect(try project.build(sourceFix).units.pairs.count == 1)
    }

    @Test(arguments: [
        ("--- a/README\n+++ b/README\n@@ -1 +1 @@\n-text\n+words\n", FindingCode.nothingToDo),
        (
            "--- a/tests/t.c\n+++ b/tests/t.c\n@@ -1 +1 @@\n-int main(void) { return 0; }\n+int main(void) { return 1; }\n",
            .nothingToDo
        ),
        (
            "--- a/Makefile\n+++ b/Makefile\n@@ -1 +1,2 @@\n prog: server.o limit.o other.o\n+# more\n",
            .buildSystemOnly
        ),
        ("--- a/config.h\n+++ b/config.h\n@@ -1 +1 @@\n-#define LIMIT 9\n+#define LIMIT 8\n", .diffConflict),
        ("--- a/config.h\n+++ b/config.h\n@@ -1 +1 @@\n-#define LIMIT 6\n+#define LIMIT 7\n", .diffApplied),
        ("hello\n", .diffMalformed),
    ])
    func `ends with the right code`(diff: String, code: FindingCode) throws {
        let project = try program()
        #expect(refused { _ = try project.build(diff) }?.code == code)
    }

    @Test func `refuses assembly, by name`() throws {
        let project = try Project([
            "main.c": "int f(void); int main(void) { return f(); }\n",
            "f.S": "#include \"f.h\"\n.globl f\nf:\n mov $VALUE, %eax\n ret\n", "f.h": "#define VALUE 1\n",
        ])
        try project.shell("gcc -o ../shipped main.c f.S")
        let edit = "--- a/f.S\n+++ b/f.S\n@@ -4,2 +4,2 @@\n- mov $VALUE, %eax\n+ mov $2, %eax\n  ret\n"
        let include = "--- a/f.h\n+++ b/f.h\n@@ -1 +1 @@\n-#define VALUE 1\n+#define VALUE 2\n"
        for diff in [edit, include] {
            let finding = refused { _ = try project.build(diff, command: "gcc -o shipped main.c f.S") }
            #expect(finding?.code == .assembly)
            #expect(finding?.evidence.first?.value == "f.S")
        }
    }

    @Test func `refuses a target that is link-time optimised or bypassed the capture`() throws {
        let project = try Project(["main.c": "int f(void) { return 1; } int main(void) { return f(); }\n"])
        let fix =
            "--- a/main.c\n+++ b/main.c\n@@ -1 +1 @@\n-int f(void) { return 1; } int main(void) { return f(); }\n+int f(void) { return 2; } int main(void) { return f(); }\n"
        try project.shell("gcc -o ../shipped main.c")
        #expect(
            refused { _ = try project.build(fix, command: "gcc -flto -o shipped main.c") }?.code
                == .linkTimeOptimised)
        try project.shell("gcc -c main.c && base64 main.o > blob && rm main.o")
        let finding = refused { _ = try project.build(fix, command: "base64 -d blob > m.o && gcc -o shipped m.o") }
        #expect(finding?.code == .bypassedCapture)
        #expect(finding?.message.contains("m.o") == true)
    }

    @Test func `refuses a target that the build doesn't make, and lists what it makes`() throws {
        let project = try program()
        try project.shell("cp ../shipped ../strange && strip -R .note.gnu.build-id ../strange")
        let request = project.request(
            "make", patches: [try project.beside("fix.diff", sourceFix)], targets: [project.source + "/../strange"])
        let finding = refused { _ = try BuildPipeline(request).run { (_: BuildState) throws(BuildError) in } }
        #expect(finding?.code == .targetUnknown)
        #expect(finding?.evidence.contains(.init("the build makes", "prog")) == true)
    }

    @Test func `refuses a path through a symbolic link`() throws {
        let project = try program()
        try project.shell("ln -s /etc outside; ln -s config.h link.h")
        for path in ["outside/hostname", "link.h"] {
            let diff = "--- a/\(path)\n+++ b/\(path)\n@@ -1 +1 @@\n-#define LIMIT 7\n+#define LIMIT 8\n"
            #expect(refused { _ = try project.build(diff) }?.code == .diffPath)
        }
    }

    @Test func `refuses the input of a generator, naming what is made from it`() throws {
        let project = try Project([
            "main.c": "#include \"v.h\"\nint main(void) { return V; }\n", "v.h.in": "#define V @V@\n",
        ])
        try project.shell("sed s/@V@/1/ v.h.in > v.h && gcc -o ../shipped main.c && rm v.h")
        let diff = "--- a/v.h.in\n+++ b/v.h.in\n@@ -1 +1 @@\n-#define V @V@\n+#define V (1+@V@)\n"
        let finding = refused {
            _ = try project.build(diff, command: "sed s/@V@/1/ v.h.in > v.h && gcc -o shipped main.c")
        }
        #expect(finding?.code == .generatedSource)
        #expect(finding?.evidence.contains(.init("generated file", "v.h")) == true)
    }

    @Test func `finishes what a killed run left exchanged`() throws {
        let project = try program()
        let state = try project.build(sourceFix)
        let exchange = TextExchange(tree: state.build.tree.copy, folder: state.buildFolder)
        let text = try project.beside("text", "garbage\n")
        // What a run leaves that is killed in the middle: the note, and files in all states.
        do {
            try exchange.with(
                [
                    .init(path: "server.c", text: text), .init(path: "new/x.h", text: text),
                    .init(path: "limit.c", text: nil),
                ]
            ) { () throws(BuildError) in
                try Self.copyAside(state)
                throw BuildError(.workFolder, "killed")
            }
        } catch { #expect(error.finding.message == "killed") }
        try project.shell(
            "rm -rf \(state.build.tree.copy) && mv \(state.buildFolder)/killed \(state.build.tree.copy) && mv \(state.buildFolder)/killed.json \(state.buildFolder)/exchanged.json"
        )
        _ = try project.build(sourceFix, from: .stabilise)
        let copy = state.build.tree.copy
        #expect(try FileSystem.readText(copy + "/server.c") == server)
        #expect(try FileSystem.readText(copy + "/limit.c") == limitText)
        #expect(!FileFacts.exists(copy + "/new"))
        #expect(!FileFacts.exists(state.buildFolder + "/exchanged.json"))
    }

    private static func copyAside(_ state: BuildState) throws(BuildError) {
        let command =
            "cp -a \(state.build.tree.copy) \(state.buildFolder)/killed && cp \(state.buildFolder)/exchanged.json \(state.buildFolder)/killed.json"
        guard let result = try? Command("/bin/sh", ["-c", command]).run(), result.succeeded else {
            throw BuildError(.workFolder, "no copy")
        }
    }

    @Test func `takes the flavour that looks like the target, and follows copies of sources`() throws {
        let project = try Project([
            "f.c": "#include \"f.h\"\nint f(int x) { return x + ADD; }\n", "f.h": "#define ADD 1\n",
            "main.c": "int f(int); int main(int c, char **v) { return f(c); }\n",
        ])
        // Two flavours of one name, each built in a folder with copies, the target's first.
        let build = "for o in -O2 -O0; do mkdir b$o; cp *.c *.h b$o; (cd b$o; gcc $o -o prog main.c f.c); done"
        try project.shell(
            build + "; strip -o ../shipped -R .note.gnu.build-id ./b-O2/prog; cp ../shipped ../prog; rm -r ./b-*")
        let source =
            "--- a/f.c\n+++ b/f.c\n@@ -1,2 +1,2 @@\n #include \"f.h\"\n-int f(int x) { return x + ADD; }\n+int f(int x) { return x - ADD; }\n"
        let header = "--- a/f.h\n+++ b/f.h\n@@ -1 +1 @@\n-#define ADD 1\n+#define ADD 2\n"
        for diff in [source, header] {
            let request = project.request(
                build, patches: [try project.beside("fix.diff", diff)], targets: [project.source + "/../prog"])
            let state = try BuildPipeline(request).run { (state: BuildState) throws(BuildError) in state }
            #expect(state.build.links[state.targets[0].link].output.hasSuffix("/b-O2/prog"))
            #expect(state.units.pairs.map(\.unit) == ["b-O2/f.c"])
            let pair = try #require(state.units.pairs.first)
            #expect(try code(pair.pre, "f") != code(pair.post, "f"))
            #expect(state.units.notes.isEmpty)
        }
    }

    @Test func `a new header is found by copies of the sources that include it`() throws {
        let project = try Project([
            "src/f.c": "int f(int x) { return x + 1; }\n",
            "main.c": "int f(int); int main(int c, char **v) { return f(c); }\n",
        ])
        let build =
            "rm -rf b; mkdir -p b/src; cp src/*.c b/src; cp main.c b; cd b; gcc -O2 -Isrc -o prog main.c src/f.c"
        try project.shell("(\(build)); cp b/prog ../prog; rm -r b")
        let fix = """
            --- /dev/null
            +++ b/src/add.hh
            @@ -0,0 +1 @@
            +#define ADD 2
            --- a/src/f.c
            +++ b/src/f.c
            @@ -1 +1,2 @@
            -int f(int x) { return x + 1; }
            +#include <add.hh>
            +int f(int x) { return x + ADD; }

            """
        let request = project.request(
            build, patches: [try project.beside("fix.diff", fix)], targets: [project.source + "/../prog"])
        let state = try BuildPipeline(request).run { (state: BuildState) throws(BuildError) in state }
        #expect(state.units.pairs.map(\.unit) == ["b/src/f.c"])
        #expect(!FileFacts.exists(state.build.tree.copy + "/b/src/add.hh"))
        #expect(!FileFacts.exists(state.build.tree.copy + "/src/add.hh"))
    }

    @Test func `a copy that the build changed before it compiled it is refused, not taken for code nobody runs`()
        throws
    {
        let project = try Project([
            "src/f.c": "int f(int x) { return x + 1; }\n",
            "main.c": "int f(int); int main(int c, char **v) { return f(c); }\n",
        ])
        let build =
            "rm -rf b; mkdir -p b/src; cp main.c b; sed 's/x/y/g' src/f.c > b/src/f.c; cd b; gcc -O2 -o prog main.c src/f.c"
        try project.shell("(\(build)); cp b/prog ../prog; rm -r b")
        let fix = """
            --- a/src/f.c
            +++ b/src/f.c
            @@ -1 +1 @@
            -int f(int x) { return x + 1; }
            +int f(int x) { return x + 2; }

            """
        let request = project.request(
            build, patches: [try project.beside("fix.diff", fix)], targets: [project.source + "/../prog"])
        let error = try #require(throws: BuildError.self) {
            try BuildPipeline(request).run { (state: BuildState) throws(BuildError) in state }
        }
        #expect(error.finding.code == .generatedSource)
        #expect(error.finding.evidence.contains { $0.value == "b/src/f.c" })
    }

    @Test func `follows a source that the diff moves, and notes one that it removes`() throws {
        let project = try program("gcc -O1 -I.")
        let move =
            "diff --git a/limit.c b/lib/limit.c\nsimilarity index 90%\nrename from limit.c\nrename to lib/limit.c\n--- a/limit.c\n+++ b/lib/limit.c\n@@ -1,2 +1,2 @@\n #include \"config.h\"\n-int limit(int x) { return x > LIMIT ? LIMIT : x; }\n+int limit(int x) { return x > LIMIT ? LIMIT : x - 1; }\n"
        let remove = "--- a/other.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-int other(int x) { return x; }\n"
        let state = try project.build(move + remove)
        #expect(state.units.pairs.map(\.unit) == ["limit.c"])
        #expect(state.units.notes == ["other.c: removed by the diff; its code stays in running processes"])
        #expect(!FileFacts.exists(state.build.tree.copy + "/lib"))
    }

    @Test func `compiles again a temporary object, to the very byte`() throws {
        let project = try Project([
            "a.c": "int f(int x) { return x; }\n", "b.c": "int f(int); int main(void) { return f(0); }\n",
        ])
        try project.shell("gcc -g -O2 -o ../shipped a.c b.c")
        let fix =
            "--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-int f(int x) { return x; }\n+int f(int x) { return x + 1; }\n"
        let pair = try #require(try project.build(fix, command: "gcc -g -O2 -o shipped a.c b.c").units.pairs.first)
        #expect(pair.isOriginalExact)
        #expect(pair.preOriginal.hasSuffix("/original.o"))
    }

    @Test func `a full work folder is named, and nothing half-made is left`() throws {
        let project = try program()
        let small = project.source + "/../small"
        try project.shell("mkdir \(small)")
        guard let mounted = try? Command("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", small]).run(),
            mounted.succeeded
        else {
            withKnownIssue("needs the right to mount a small file system", isIntermittent: true) {}
            return
        }
        defer { _ = try? Command("umount", [small]).run() }
        try project.write("big", String(repeating: "x", count: 200_000))
        var request = project.request(
            "make", patches: [try project.beside("fix.diff", sourceFix)], targets: [project.shipped])
        request.workFolder = small
        let finding = refused { _ = try BuildPipeline(request).run { (_: BuildState) throws(BuildError) in } }
        #expect(finding?.code == .noSpace)
        let left = try Command("find", [small, "-name", "tree*"]).run()
        #expect(left.outputText.isEmpty)
        withExtendedLifetime(project) {}
    }
}
