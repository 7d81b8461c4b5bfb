import Foundation
import Linux
import TestSupport
import Testing

/// The patcher is killed at random instants while hooks run in a program.
///
/// It goes on, whole old or whole new, and the next run puts all in order. What a hook was in the middle of, the next
/// one copes with (docs/hooks.md). `TSUGITE_KILLS` says how often; `make kill` does it 10,000 times.
@Suite(.enabled(if: mayTrace, "attaching to processes needs root")) struct HookKillTests {
    static let kills = ProcessInfo.processInfo.environment["TSUGITE_KILLS"].flatMap(Int.init) ?? 200

    /// All six count; those inside the stop change a variable that the fixed code relies on.
    private static let hooks =
        ["PRE_APPLY", "POST_APPLY", "PRE_UNDO", "POST_UNDO"]
        .map { HookTests.hook($0, $0.lowercased(), "trace++; return 0;") }.joined()
        + HookTests.hook("APPLY", "begin", "trace++; mode = 2; return 0;")
        + HookTests.hook("UNDO", "end", "trace++; mode = 1; return 0;")

    @Test func `killed at any instant among its hooks, the program lives, and the next run puts all in order`()
        async throws
    {
        let files = HookTests.files()
        let shop = try Workshop(files)
        try shop.make()
        let built = try shop.build(HookTests.diff(files, Self.hooks), target: "shower")
        try #require(exitCode(built) == 0, "\(built.outputText)\(built.errorText)")
        let pid = try shop.start("shower", [shop.path("log")])
        #expect(try await shop.lastLine(of: "log", becomes: "10 1 0"))
        let (apply, undo) = (
            ["apply", shop.path("fix.tsp"), "--pid", "\(pid)"], ["undo", "fix", "--pid", "\(pid)"]
        )
        let start = MonotonicTime.now.nanoseconds
        #expect(exitCode(try TsugiteCommand.run(apply)) == 0)
        var span = UInt32(clamping: (MonotonicTime.now.nanoseconds - start) / 1000)
        var cut = 0
        for kill in 1...Self.kills {
            let command = kill.isMultiple(of: 2) ? apply : undo
            // Follows the machine's speed, so that about two kills of three come in the middle.
            if try runAndKill(TsugiteCommand.path, command, afterMicroseconds: UInt32.random(in: 0...span)) {
                cut += 1
                span += span / 16 + 1
            } else {
                span -= span / 8
            }
            try await expectShown(shop, pid, "after kill \(kill) of \(command[0])") { [10, 20].contains($0[0]) }
            guard kill.isMultiple(of: 10) || kill == Self.kills else { continue }
            // Which of them is done depends on where the kill came; together they lead to the old code.
            _ = try TsugiteCommand.run(["recover", "--pid", "\(pid)"])
            _ = try TsugiteCommand.run(undo)
            try await expectShown(shop, pid, "after kill \(kill) and an undo") { $0[0] == 10 && $0[1] == 1 }
            for (command, step, mode) in [(apply, 20, 2), (undo, 10, 1), (apply, 20, 2)] {
                let result = try TsugiteCommand.run(command)
                try #require(exitCode(result) == 0, "\(kill): \(result.outputText)\(result.errorText)")
                try await expectShown(shop, pid, "\(command[0]) behind kill \(kill)") {
                    $0[0] == step && $0[1] == mode
                }
            }
        }
        #expect(cut > Self.kills / 4, "most kills came after the end: \(cut)")
    }

    /// Waits for a line that was written from now on, and looks at its three numbers.
    private func expectShown(
        _ shop: Workshop, _ pid: ProcessID, _ when: String, sourceLocation: SourceLocation = #_sourceLocation,
        _ suits: ([Int]) -> Bool
    ) async throws {
        #expect(try heldThreads(of: pid).isEmpty, "\(when)", sourceLocation: sourceLocation)
        let before = try shop.size(of: "log")
        var seen = ""
        for _ in 0..<2000 {
            // The first may have been begun before.
            seen = try shop.lines(of: "log", from: before).dropFirst().last ?? ""
            let numbers = seen.split(separator: " ").compactMap { Int($0) }
            if numbers.count == 3, suits(numbers) { return }
            try await Task.sleep(for: .milliseconds(3))
        }
        Issue.record("\(when): \(seen)", sourceLocation: sourceLocation)
    }
}
