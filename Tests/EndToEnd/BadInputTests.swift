import Foundation
import Linux
import TestSupport
import Testing

/// What a person may get wrong: each ends with the documented exit code and a finding that says why.
@Suite struct `Bad input to the command` {
    @Test(.enabled(if: mayTrace, "a /run of its own needs root"))
    func `taking up again what nobody waits for says so`() throws {
        let script = "mount -t tmpfs tsugite-test /run && exec \"$0\" apply --deferred"
        let result = try Command(
            "/usr/bin/unshare",
            ["--mount", "--propagation", "private", "sh", "-c", script, TsugiteCommand.path],
            timeout: .seconds(60)
        ).run()
        #expect(exitCode(result) == 10, "\(result.errorText)")
        #expect(result.outputText.contains("no process waits for a patch"), "\(result.outputText)")
    }

    @Test func `a diff that doesn't apply is blocked, with the hunk`() throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        let diff = Counter.diff(7).replacing("calls++;", with: "calls--;")
        let result = try shop.build(diff, target: "counter")
        #expect(exitCode(result) == 13)
        #expect((result.outputText + result.errorText).contains("BLD-DIFF"))
        #expect(!FileManager.default.fileExists(atPath: shop.path("fix.tsp")))
    }

    @Test func `a tree that doesn't build is blocked, with the compiler's words`() throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        try shop.write("tree/main.c", "int main(void) { return undeclared; }\n")
        let result = try shop.build(Counter.diff(7), target: "counter")
        #expect(exitCode(result) == 13)
        #expect((result.outputText + result.errorText).contains("BLD-FAILED"))
        #expect((result.outputText + result.errorText).contains("undeclared"))
    }

    @Test func `a target that wasn't made from this tree is blocked`() throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        let result = try shop.build(Counter.diff(7), target: "/bin/true")
        #expect(exitCode(result) == 13, "\(result.outputText)\(result.errorText)")
    }

    @Test func `a diff of documents only is nothing to do`() throws {
        var files = Counter.files
        files["README"] = "old\n"
        let shop = try Workshop(files)
        try shop.make()
        let result = try shop.build("--- a/README\n+++ b/README\n@@ -1 +1 @@\n-old\n+new\n", target: "counter")
        #expect(exitCode(result) == 10, "\(result.outputText)\(result.errorText)")
    }

    @Test func `a damaged patch file is blocked before any process is looked at`() throws {
        let shop = try Workshop(["x.tsp": "not a patch"])
        for arguments in [["apply", "--json"], ["inspect", "--json"]] {
            let result = try TsugiteCommand.run(arguments + [shop.tree + "/x.tsp"])
            #expect(exitCode(result) == 13, "\(arguments): \(result.outputText)\(result.errorText)")
            #expect(result.outputText.contains("TSP-MALFORMED"))
        }
    }

    @Test func `a patch file that isn't there is blocked, with the path`() throws {
        let result = try TsugiteCommand.run(["apply", "/nonexistent/fix.tsp"])
        #expect(exitCode(result) == 13)
        #expect(result.errorText.contains("/nonexistent/fix.tsp"))
    }

    @Test func `a patch that no running process needs is nothing to do`() throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        #expect(exitCode(try shop.build(Counter.diff(7), target: "counter")) == 0)
        let result = try TsugiteCommand.run(["apply", shop.path("fix.tsp")])
        #expect(exitCode(result) == 10)
    }

    @Test(.enabled(if: mayTrace, "needs root to attach to processes"))
    func `a process that runs another build is left alone and named`() async throws {
        let files = Counter.files
        let shop = try Workshop(files)
        try shop.make()
        #expect(exitCode(try shop.build(Counter.diff(7), target: "counter")) == 0)
        try shop.write("tree/step.c", files["step.c"]?.replacing("x + 1", with: "x + 2") ?? "")
        try shop.make()
        let pid = try shop.start("counter", [shop.path("out")])
        #expect(try await shop.lastLine(of: "out", becomes: "2"))
        let result = try TsugiteCommand.run(["apply", shop.path("fix.tsp"), "--pid", "\(pid)"])
        #expect([10, 13].contains(exitCode(result)), "\(result.outputText)\(result.errorText)")
        #expect((result.outputText + result.errorText).contains("\(pid)"))
        #expect(try await shop.lastLine(of: "out", becomes: "2"))
    }

    @Test func `a target that another compiler made is blocked, naming the cause`() throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        try FileManager.default.copyItem(atPath: shop.tree + "/counter", toPath: shop.path("shipped"))
        let diff = Counter.diff(7)
        try shop.write("tree/Makefile", "CC = clang\n" + (Counter.files["Makefile"] ?? ""))
        let result = try shop.build(diff, target: "counter", output: "fix.tsp")
        #expect(exitCode(result) == 0, "\(result.errorText)")
        let other = try shop.build(diff, target: shop.path("shipped"), output: "other.tsp")
        #expect(exitCode(other) == 13, "\(other.outputText)\(other.errorText)")
        #expect(!FileManager.default.fileExists(atPath: shop.path("other.tsp")))
    }

    @Test(.enabled(if: mayTrace, "needs root to become another user"))
    func `a process of another user is blocked, naming it, and left alone`() async throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        #expect(exitCode(try shop.build(Counter.diff(7), target: "counter")) == 0)
        let pid = try shop.start("counter", [shop.path("out")])
        #expect(try await shop.lastLine(of: "out", becomes: "1"))
        _ = try Command("/bin/chmod", ["-R", "a+rX", shop.path("")]).run()
        let words = [
            "--reuid", "65534", "--clear-groups", TsugiteCommand.path, "apply", shop.path("fix.tsp"), "--pid",
        ]
        let result = try Command("/usr/bin/setpriv", words + ["\(pid)"]).run()
        #expect(exitCode(result) == 13, "\(result.outputText)\(result.errorText)")
        #expect((result.outputText + result.errorText).contains("USR-PERMISSION"))
        #expect((result.outputText + result.errorText).contains("\(pid)"))
        #expect(shop.lastLine(of: "out") == "1")
    }

    @Test func `a patch for another architecture is blocked before any process is looked at`() throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        #expect(exitCode(try shop.build(Counter.diff(7), target: "counter")) == 0)
        var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: shop.path("fix.tsp"))))
        // e_machine, little-endian: AArch64.
        bytes.replaceSubrange(18..<20, with: [183, 0])
        try Data(bytes).write(to: URL(fileURLWithPath: shop.path("arm.tsp")))
        let result = try TsugiteCommand.run(["apply", shop.path("arm.tsp")])
        #expect(exitCode(result) == 13, "\(result.outputText)\(result.errorText)")
        #expect((result.outputText + result.errorText).contains("TSP-"))
    }

    @Test func `a huge file is refused before memory is taken for it`() throws {
        let shop = try Workshop(["note": ""])
        _ = try Command("/usr/bin/truncate", ["-s", "1T", shop.path("huge.tsp")]).run()
        for verb in ["apply", "inspect", "undo"] {
            let result = try TsugiteCommand.run([verb, shop.path("huge.tsp")])
            #expect(exitCode(result) == 13, "\(verb): \(result.outputText)\(result.errorText)")
        }
    }

    @Test(arguments: [["build"], ["apply"], ["apply", "x.tsp", "--wait", "soon"], ["undo"], ["nonsense"]])
    func `words that make no sense are a usage error`(_ arguments: [String]) throws {
        let result = try TsugiteCommand.run(arguments)
        #expect(exitCode(result) == 64)
        #expect(result.errorText.contains("Usage") || result.errorText.contains("usage"))
    }
}
