import Foundation
import Linux
import TestSupport
import Testing

/// From a source diff to a running process and back, by the command alone.
@Suite(.enabled(if: mayTrace, "needs root to attach to processes"), .serialized)
struct `The main job` {
    @Test func `fixes a running program and takes the fix out again`() async throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        let pid = try shop.start("counter", [shop.path("out")])
        #expect(try await shop.lastLine(of: "out", becomes: "1"))
        let built = try shop.build(Counter.diff(7), target: "counter")
        #expect(exitCode(built) == 0, "\(built.errorText)\(built.outputText)")

        let applied = try TsugiteCommand.run(["apply", shop.path("fix.tsp"), "--pid", "\(pid)"])
        #expect(exitCode(applied) == 0, "\(applied.errorText)\(applied.outputText)")
        #expect(try await shop.lastLine(of: "out", becomes: "7"))

        try FileManager.default.moveItem(atPath: shop.path("fix.tsp"), toPath: shop.path("gone"))
        let status = try TsugiteCommand.run(["status", "--pid", "\(pid)"])
        #expect(exitCode(status) == 0)
        #expect(status.outputText.contains("fix") && status.outputText.contains("step"))
        let maps = try String(contentsOfFile: "/proc/\(pid)/maps", encoding: .utf8)
        #expect(maps.contains("tsugite"))
        #expect(!maps.split(separator: "\n").contains { $0.contains(" rwx") })

        let undone = try TsugiteCommand.run(["undo", "fix", "--pid", "\(pid)"])
        #expect(exitCode(undone) == 0, "\(undone.errorText)\(undone.outputText)")
        #expect(try await shop.lastLine(of: "out", becomes: "1"))
    }

    @Test func `finds every process of the program when none is named`() async throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        for number in 0..<3 { _ = try shop.start("counter", [shop.path("out\(number)")]) }
        #expect(exitCode(try shop.build(Counter.diff(5), target: "counter")) == 0)
        #expect(exitCode(try TsugiteCommand.run(["apply", shop.path("fix.tsp")])) == 0)
        for number in 0..<3 { #expect(try await shop.lastLine(of: "out\(number)", becomes: "5")) }
        #expect(exitCode(try TsugiteCommand.run(["apply", shop.path("fix.tsp")])) == 10)
        let undone = try TsugiteCommand.run(["undo", shop.path("fix.tsp")])
        #expect(exitCode(undone) == 0, "\(undone.errorText)\(undone.outputText)")
        for number in 0..<3 { #expect(try await shop.lastLine(of: "out\(number)", becomes: "1")) }
    }

    @Test func `replaces a patch by a cumulative one in one step`() async throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        let pid = try shop.start("counter", [shop.path("out")])
        #expect(exitCode(try shop.build(Counter.diff(5), target: "counter", output: "first.tsp")) == 0)
        try shop.write("first.diff", Counter.diff(5))
        let second = Counter.diff(9).replacing("-    return x + 1;", with: "-    return x + 5;")
        let built = try shop.build(
            second, target: "counter", output: "second.tsp",
            ["--patch", shop.path("first.diff"), "--patch", shop.path("fix.diff")])
        // The first --patch names the second diff, which doesn't apply without the first one.
        #expect(exitCode(built) != 0)
        let cumulative = try TsugiteCommand.run([
            "build", "--source", shop.tree, "--patch", shop.path("first.diff"), shop.path("fix.diff"), "--target",
            shop.tree + "/counter", "--build-command", "make -B", "--work", shop.path("work"), "-o",
            shop.path("second.tsp"), "--quiet",
        ])
        #expect(exitCode(cumulative) == 0, "\(cumulative.errorText)\(cumulative.outputText)")
        #expect(exitCode(try TsugiteCommand.run(["apply", shop.path("first.tsp"), "--pid", "\(pid)"])) == 0)
        #expect(try await shop.lastLine(of: "out", becomes: "5"))
        #expect(exitCode(try TsugiteCommand.run(["apply", shop.path("second.tsp"), "--pid", "\(pid)"])) == 0)
        #expect(try await shop.lastLine(of: "out", becomes: "9"))
        #expect(exitCode(try TsugiteCommand.run(["undo", "second", "--pid", "\(pid)"])) == 0)
        #expect(try await shop.lastLine(of: "out", becomes: "1"))
    }

    @Test func `gives the same bytes when built again`() throws {
        let shop = try Workshop(Counter.files)
        for folder in ["one", "two"] { try FileSystem.makeDirectory(shop.path(folder)) }
        try shop.make()
        #expect(exitCode(try shop.build(Counter.diff(7), target: "counter", output: "one/fix.tsp")) == 0)
        #expect(
            exitCode(
                try shop.build(Counter.diff(7), target: "counter", output: "two/fix.tsp", ["--redo", "reproduce"]))
                == 0)
        let one = try Data(contentsOf: URL(fileURLWithPath: shop.path("one/fix.tsp")))
        #expect(try one == Data(contentsOf: URL(fileURLWithPath: shop.path("two/fix.tsp"))))
    }
}
