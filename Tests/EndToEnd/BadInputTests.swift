import Foundation
import Linux
import TestSupport
import Testing

/// What a person may get wrong: each ends with the documented exit code and a finding that says why.
@Suite struct `Bad input to the command` {
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

    @Test(arguments: [["build"], ["apply"], ["apply", "x.tsp", "--wait", "soon"], ["undo"], ["nonsense"]])
    func `words that make no sense are a usage error`(_ arguments: [String]) throws {
        let result = try TsugiteCommand.run(arguments)
        #expect(exitCode(result) == 64)
        #expect(result.errorText.contains("Usage") || result.errorText.contains("usage"))
    }
}
