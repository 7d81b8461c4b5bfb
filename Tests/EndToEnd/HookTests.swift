import Foundation
import Linux
import TestSupport
import Testing

/// Hooks and shadow variables in running programs; the examples among them.
@Suite(.enabled(if: mayTrace, "attaching to processes needs root")) struct HookTests {
    /// A program that shows two variables every 5 ms; `step` is what changes.
    static func files() -> [String: String] {
        [
            "Makefile": """
            CFLAGS = -O2
            shower: main.o step.o
            \t$(CC) -o $@ main.o step.o
            """,
            "step.c": """
            const char token[] = "\(UUID().uuidString)";
            int mode = 1;
            int trace;
            int step(void) { return 10; }
            """,
            "main.c": """
            #include <stdio.h>
            #include <unistd.h>
            extern int mode, trace;
            int step(void);
            int main(int argc, char **argv)
            {
                FILE *out = fopen(argv[1], "w");
                for (;;) {
                    fprintf(out, "%d %d %d\\n", step(), mode, trace);
                    fflush(out);
                    usleep(5000);
                }
            }
            """,
        ]
    }

    /// A fix of `step` with hooks.
    static func diff(_ files: [String: String], _ hooks: String) -> String {
        let old = (files["step.c"] ?? "").split(separator: "\n").map(String.init)
        return diff(
            old,
            [old[0], "#include <tsugite-patch.h>", old[1], old[2]] + hooks.split(separator: "\n").map(String.init)
                + ["int step(void) { return 20; }"])
    }

    /// All lines of `step.c` exchanged.
    private static func diff(_ old: [String], _ new: [String]) -> String {
        "--- a/step.c\n+++ b/step.c\n@@ -1,\(old.count) +1,\(new.count) @@\n"
            + old.map { "-" + $0 + "\n" }.joined()
            + new.map { "+" + $0 + "\n" }.joined()
    }

    private struct Running {
        let shop: Workshop
        let pid: ProcessID

        func run(_ words: String...) throws -> (code: Int?, text: String) {
            let result = try TsugiteCommand.run(words + ["--pid", "\(pid)"])
            return (exitCode(result), result.outputText + result.errorText)
        }

        func shows(_ line: String) async throws -> Bool { try await shop.lastLine(of: "log", becomes: line) }
    }

    private func start(_ hooks: String) async throws -> Running {
        let files = Self.files()
        let shop = try Workshop(files)
        try shop.make()
        let built = try shop.build(Self.diff(files, hooks), target: "shower")
        try #require(exitCode(built) == 0, "\(built.outputText)\(built.errorText)")
        let pid = try shop.start("shower", [shop.path("log")])
        #expect(try await shop.lastLine(of: "log", becomes: "10 1 0"))
        return Running(shop: shop, pid: pid)
    }

    static func hook(_ kind: String, _ name: String, _ body: String) -> String {
        "static int \(name)(struct tsugite_hook *hook) { \(body) }\nTSUGITE_\(kind)(\(name));\n"
    }

    @Test func `runs all six in their order, and each time`() async throws {
        let order = [
            "PRE_APPLY": 1, "APPLY": 2, "POST_APPLY": 3, "PRE_UNDO": 4, "UNDO": 5, "POST_UNDO": 6,
        ].sorted { $0.value < $1.value }
        let running = try await start(
            order.map { Self.hook($0.key, "h\($0.value)", "trace = trace * 10 + \($0.value); return 0;") }.joined())
        #expect(try running.run("apply", running.shop.path("fix.tsp")).code == 0)
        #expect(try await running.shows("20 1 123"))
        #expect(try running.run("undo", "fix").code == 0)
        #expect(try await running.shows("10 1 123456"))
        #expect(try running.run("apply", running.shop.path("fix.tsp")).code == 0)
        #expect(try await running.shows("20 1 123456123"))
    }

    @Test(arguments: ["PRE_APPLY", "APPLY"])
    func `a refusal before the change changes nothing, and says why`(_ kind: String) async throws {
        let running = try await start(
            Self.hook(kind, "check", "return mode == 1 ? tsugite_refuse(hook, \"mode is one\") : 0;"))
        let refused = try running.run("apply", running.shop.path("fix.tsp"))
        #expect(refused.code == 13)
        #expect(refused.text.contains("USR-HOOK") && refused.text.contains("mode is one"))
        #expect(try await running.shows("10 1 0"))
        #expect(try running.run("status").text.contains("fix") == false)
    }

    @Test func `a refusal behind the change takes the patch out again, undo hooks and all`() async throws {
        let running = try await start(
            Self.hook("APPLY", "begin", "mode = 2; return 0;") + Self.hook("UNDO", "end", "mode = 1; return 0;")
                + Self.hook("POST_APPLY", "check", "trace++; return 7;"))
        let refused = try running.run("apply", running.shop.path("fix.tsp"))
        #expect(refused.code == 13)
        #expect(refused.text.contains("it answered 7") && refused.text.contains("taken out again"))
        #expect(try await running.shows("10 1 1"))
    }

    @Test(arguments: ["PRE_UNDO", "UNDO", "POST_UNDO"])
    func `a refusal of an undo leaves the patch in`(_ kind: String) async throws {
        let running = try await start(
            Self.hook("APPLY", "begin", "mode = 2; return 0;")
                + Self.hook(kind, "check", "return trace ? 0 : tsugite_refuse(hook, \"not yet\");"))
        #expect(try running.run("apply", running.shop.path("fix.tsp")).code == 0)
        #expect(try await running.shows("20 2 0"))
        let refused = try running.run("undo", "fix")
        #expect(refused.code == 13, "\(refused.text)")
        #expect(refused.text.contains("not yet"))
        #expect(try await running.shows("20 2 0"))
        #expect(try running.run("status").text.contains("fix"))
    }

    @Test(arguments: ["PRE_APPLY", "APPLY"])
    func `a hook that crashes or never ends has refused, and the program goes on`(_ kind: String) async throws {
        for body in ["*(volatile int *)0 = 1; return 0;", "for (;;) ;"] {
            let running = try await start(Self.hook(kind, "bad", body))
            let refused = try running.run("apply", running.shop.path("fix.tsp"))
            #expect(refused.code == 13, "\(refused.text)")
            #expect(refused.text.contains("USR-HOOK"))
            #expect(try await running.shows("10 1 0"))
        }
    }

    /// A field moves; the hooks make the one object anew and back again.
    private static func moving(_ hooks: [String: String]) -> (old: [String], new: [String]) {
        let old = [
            "#include <stdlib.h>", "const char token[] = \"\(UUID().uuidString)\";", "int mode = 1, trace;",
            "struct box { int a; };", "static struct box *box;",
            "int step(void) { if (!box) { box = malloc(64); box->a = 10; } return box->a; }",
        ]
        let new = [
            old[0], "#include <tsugite-patch.h>", old[1], old[2], "struct box { long more; int a; };", old[4],
            "struct old_box { int a; };", "static struct old_box *old_box;", "static struct box made;",
            "TSUGITE_LAYOUT(struct, box);",
        ]
        return (
            old,
            new
                + hooks.sorted { $0.key < $1.key }.flatMap { kind, body in
                    Self.hook(kind, kind.lowercased(), body).split(separator: "\n").map(String.init)
                } + ["int step(void) { return box->a + (int)box->more; }"]
        )
    }

    @Test func `another layout is taken where hooks see to the objects that exist`() async throws {
        let (old, new) = Self.moving([
            "APPLY": "old_box = (void *)box; made.a = old_box->a; made.more = 100; box = &made; return 0;",
            "UNDO": "old_box->a = made.a; box = (void *)old_box; return 0;",
        ])
        let shop = try Workshop(Self.files().merging(["step.c": old.joined(separator: "\n")]) { $1 })
        try shop.make()
        let built = try shop.build(Self.diff(old, new), target: "shower")
        try #require(exitCode(built) == 0, "\(built.outputText)\(built.errorText)")
        let shown = try TsugiteCommand.run(["inspect", shop.path("fix.tsp")]).outputText
        #expect(
            shown.contains("struct box has another layout") && shown.contains("the fix's hooks answer"), "\(shown)")
        let running = Running(shop: shop, pid: try shop.start("shower", [shop.path("log")]))
        #expect(try await running.shows("10 1 0"))
        for _ in 0..<2 {
            #expect(try running.run("apply", shop.path("fix.tsp")).code == 0)
            #expect(try await running.shows("110 1 0"))
            #expect(try running.run("undo", "fix").code == 0)
            #expect(try await running.shows("10 1 0"))
        }
    }

    @Test func `another layout with no hook for the way back stays refused`() throws {
        let (old, new) = Self.moving(["APPLY": "old_box = (void *)box; box = &made; return 0;"])
        let shop = try Workshop(Self.files().merging(["step.c": old.joined(separator: "\n")]) { $1 })
        try shop.make()
        let built = try shop.build(Self.diff(old, new), target: "shower")
        #expect(exitCode(built) == 13)
        #expect(
            built.errorText.contains("BLD-LAYOUT") && built.errorText.contains("struct box"), "\(built.errorText)")
    }

    @Test func `the example of hooks does what its diff says`() async throws {
        let example = try Example("hooks", program: "doorman")
        #expect(try await example.sees(guests: 10) { $0.hasSuffix("of 90") })
        #expect(example.run("apply") == 0, "\(example.text)")
        #expect(try await example.sees(guests: 1) { $0.contains("of 40") })
        #expect(example.run("undo") == 0, "\(example.text)")
        #expect(try await example.sees(guests: 90) { $0.hasPrefix("60") && $0.hasSuffix("of 90") })
        #expect(example.run("apply") == 13)
        #expect(example.text.contains("more than 40 guests are inside"))
    }

    @Test func `the example of shadow variables keeps its counts through undo and redo`() async throws {
        let example = try Example("shadow", program: "cashier")
        #expect(try await example.sees { $0 == "paid" })
        #expect(example.run("apply") == 0, "\(example.text)")
        #expect(try await example.sees { $0 == "locked" })
        #expect(example.run("undo") == 0, "\(example.text)")
        #expect(try await example.sees { $0 == "paid" })
        // Five wrong numbers were counted before: locked from the first call on.
        let before = example.lines.count
        #expect(example.run("apply") == 0, "\(example.text)")
        #expect(try await example.sees { $0 == "locked" })
        let since = example.lines[before...].drop { $0 != "locked" }
        #expect(since.allSatisfy { $0 == "locked" })
    }

    @Test func `shadow variables outlive the replacement of one patch by another, and its undo`() async throws {
        let files = Self.files()
        let old = (files["step.c"] ?? "").split(separator: "\n").map(String.init)
        func fix(_ body: String) -> String {
            Self.diff(
                old, [old[0], "#include <tsugite-patch.h>", old[1], old[2], "int step(void) { \(body) }"])
        }
        let shop = try Workshop(files)
        try shop.make()
        let counting = "int *n = tsugite_shadow_get_or_alloc(&mode, 7, sizeof *n, 0, 0);"
        let first = fix("\(counting) if (n && *n < 5) ++*n; trace = n ? *n : -1; return 20;")
        let second = fix("int *n = tsugite_shadow_get(&mode, 7); trace = n ? *n * 10 : -1; return 30;")
        for (diff, name) in [(first, "first.tsp"), (second, "second.tsp")] {
            let built = try shop.build(diff, target: "shower", output: name)
            try #require(exitCode(built) == 0, "\(built.outputText)\(built.errorText)")
        }
        let running = Running(shop: shop, pid: try shop.start("shower", [shop.path("log")]))
        #expect(try running.run("apply", shop.path("first.tsp")).code == 0)
        #expect(try await running.shows("20 1 5"))
        #expect(try running.run("apply", shop.path("second.tsp")).code == 13)
        #expect(try running.run("apply", shop.path("second.tsp"), "--replace").code == 0)
        #expect(try await running.shows("30 1 50"))
        #expect(try running.run("undo", "second").code == 0)
        #expect(try await running.shows("10 1 50"))
        #expect(try running.run("apply", shop.path("second.tsp")).code == 0)
        #expect(try await running.shows("30 1 50"))
    }

    @Test func `the header that fixes include is the one that is installed`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        let installed = try String(
            contentsOf: root.appendingPathComponent(
                "Sources/PatchBuilder/Hooks/tsugite-patch.h"), encoding: .utf8)
        let files = Self.files()
        let shop = try Workshop(files)
        try shop.make()
        let built = try shop.build(Self.diff(files, ""), target: "shower")
        try #require(exitCode(built) == 0, "\(built.outputText)\(built.errorText)")
        let builds = try FileManager.default.subpathsOfDirectory(atPath: shop.path("work/builds"))
        let used = try #require(builds.first { $0.hasSuffix("include/tsugite-patch.h") })
        #expect(try String(contentsOfFile: shop.path("work/builds/" + used), encoding: .utf8) == installed)
    }
}

/// A program of Examples/ with its fix, built and running.
private final class Example {
    let directory: TemporaryDirectory
    let process = Process()
    private(set) var text = ""
    private let input = Pipe()

    init(_ name: String, program: String) throws {
        directory = try TemporaryDirectory(prefix: "tsugite-example")
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..").path
        let tree = directory.path + "/tree"
        _ = try Command("/bin/cp", ["-r", "\(root)/Examples/\(name)", tree]).run()
        // A build-id of its own, so that tests side by side don't meet in one process.
        let flags = "-O2 -g '-DTOKEN=\(UUID().uuidString)'"
        let command = "make -s -B CFLAGS=\"\(flags)\""
        let made = try Command("/bin/sh", ["-c", command], directory: tree).run()
        try #require(made.succeeded, "\(made.errorText)")
        let built = try TsugiteCommand.run([
            "build", "-q", "--source", tree, "--patch", tree + "/fix.diff", "--target", "\(tree)/\(program)",
            "--build-command", command, "--work", directory.path + "/work", "-o", directory.path + "/fix.tsp",
        ])
        try #require(exitCode(built) == 0, "\(built.outputText)\(built.errorText)")
        let log = directory.path + "/log"
        try #require(FileManager.default.createFile(atPath: log, contents: nil))
        process.executableURL = URL(fileURLWithPath: "\(tree)/\(program)")
        process.standardOutput = FileHandle(forWritingAtPath: log)
        process.standardInput = input
        try process.run()
    }

    deinit {
        if process.isRunning {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }

    var lines: [String] {
        ((try? String(contentsOfFile: directory.path + "/log", encoding: .utf8)) ?? "").split(separator: "\n").map(
            String.init)
    }

    func run(_ verb: String) -> Int? {
        let result = try? TsugiteCommand.run([
            verb, directory.path + "/fix.tsp", "--pid", "\(process.processIdentifier)",
        ])
        text = result.map { $0.outputText + $0.errorText } ?? ""
        return result.flatMap(exitCode)
    }

    /// Waits for a new line that suits, behind so many lines of input.
    func sees(guests: Int = 0, _ suits: (String) -> Bool) async throws -> Bool {
        let seen = lines.count
        if guests > 0 { try input.fileHandleForWriting.write(contentsOf: Data(repeating: 10, count: guests)) }
        for _ in 0..<1600 {
            if lines.dropFirst(seen).contains(where: suits) { return true }
            try await Task.sleep(for: .milliseconds(25))
        }
        return false
    }
}
