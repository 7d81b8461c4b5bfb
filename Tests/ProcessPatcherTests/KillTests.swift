import Foundation
import Linux
import LivePatch
import ProcessPatcher
import TestSupport
import Testing

extension ProcessTests {
    /// The patcher is killed at random instants: the server goes on, whole old or whole new, and the next run of
    /// the command finishes or takes back what was begun.
    ///
    /// `TSUGITE_KILLS` says how often; `make kill` does it 10,000 times.
    @Suite struct KillTests {
        static let kills = ProcessInfo.processInfo.environment["TSUGITE_KILLS"].flatMap(Int.init) ?? 200

        @Test func `a patcher killed at any instant harms no answer, and the next run puts all in order`() throws {
            let loaded = try LoadedServer()
            let pid = "\(loaded.server.pid)"
            let words: [[String]] = try [
                ["apply", loaded.file(2)], ["apply", loaded.file(3)], ["apply", "--replace", loaded.file(2)],
                ["undo", "quote2"], ["undo", "quote3"],
            ].map { $0 + ["--pid", pid] }
            var span = try duration(of: words)
            try putInOrder(loaded, pid)
            let before = try Footprint(of: loaded.server)
            var cut = 0
            for kill in 1...Self.kills {
                let command = try #require(words.randomElement())
                // Follows the machine's speed, so that about two kills of three come in the middle.
                if try runAndKill(TsugiteCommand.path, command, afterMicroseconds: UInt32.random(in: 0...span)) {
                    cut += 1
                    span += span / 16 + 1
                } else {
                    span -= span / 8
                }
                #expect(try loaded.version() != 0, "after kill \(kill) of \(command)")
                #expect(try heldThreads(of: loaded.server.pid).isEmpty)
                if kill % 10 == 0 { try putInOrder(loaded, pid) }
                if kill % 1000 == 0 { print("kill: \(kill) of \(Self.kills), \(cut) in the middle") }
            }
            try putInOrder(loaded, pid)
            let after = try Footprint(of: loaded.server)
            #expect(after.descriptors == before.descriptors)
            #expect(after.mappings.count == before.mappings.count, "\(after.mappings.joined(separator: "\n"))")
            let seen = try loaded.seen()
            #expect(seen.wrong == 0)
            #expect(seen.lost == 0)
            #expect(seen.answers > Self.kills)
            #expect(cut > Self.kills / 4, "most kills came after the end: \(cut)")
        }

        @Test
        func `killed in the middle of a group or of many processes, each is whole, and a group is all or nothing`()
            throws
        {
            let lab = try Lab.of()
            var files: [String] = []
            for version in [2, 3] {
                let file = lab.compiler.path("many\(version).tsp")
                let functions = ["answer", "second"]
                try FileSystem.replace(
                    file,
                    with: lab.patch(
                        "many\(version)", version: version, replacing: functions, changes: ["many\(version)"]
                    )
                    .patch.encoded())
                files.append(file)
            }
            let victims = try (0..<5).map { _ in try lab.start() }
            for victim in victims { #expect(victim.ask("threads 3") == "ok") }
            let pids = ["--pid"] + victims.map { "\($0.pid)" }
            let together: [[String]] = [
                ["apply", files[0], "--replace", "--all-or-nothing"],
                ["apply", files[1], "--replace", "--all-or-nothing"],
                ["undo", "many2", "--all-or-nothing"], ["undo", "many3", "--all-or-nothing"],
            ]
            let apart =
                together.map { $0.dropLast() }.map { Array($0) } + [
                    ["undo", "many2", "--release"], ["undo", "many3", "--release"],
                ]
            let span = try duration(of: (together + apart).map { $0 + pids })
            for (number, words) in [together, apart].enumerated() {
                for kill in 1...max(Self.kills / 4, 1) {
                    let command = try #require(words.randomElement())
                    _ = try runAndKill(
                        TsugiteCommand.path, command + pids, afterMicroseconds: UInt32.random(in: 0...span))
                    for victim in victims {
                        #expect(
                            ["41", "42", "43"].contains(victim.ask("a") ?? ""), "after kill \(kill) of \(command)")
                        #expect(try heldThreads(of: victim.pid).isEmpty)
                    }
                    guard number == 0 || kill % 10 == 0 else { continue }
                    _ = try TsugiteCommand.run(["recover"] + pids)
                    let states = try victims.map { victim in
                        try #require(ProcessPatcher.status(.processes([victim.pid])).processes.first?.patches ?? [])
                    }
                    #expect(!states.joined().contains { $0.state == .unfinished || $0.state == .altered })
                    if number == 0 { #expect(Set(victims.compactMap { $0.ask("a") }).count == 1, "kill \(kill)") }
                }
                _ = try TsugiteCommand.run(["apply", files[0], "--replace"] + pids)
                for victim in victims { #expect(victim.ask("a") == "42") }
                _ = try TsugiteCommand.run(["undo", "many2"] + pids)
            }
        }

        /// The longest time that one of the commands takes here, in microseconds.
        private func duration(of commands: [[String]]) throws -> UInt32 {
            var longest: UInt64 = 0
            for command in commands {
                let start = MonotonicTime.now.nanoseconds
                _ = try TsugiteCommand.run(command)
                longest = max(longest, MonotonicTime.now.nanoseconds - start)
            }
            return UInt32(truncatingIfNeeded: min(longest / 1000, 2_000_000))
        }

        /// One undisturbed command recovers; then a whole cycle works.
        private func putInOrder(_ loaded: LoadedServer, _ pid: String) throws {
            // Whether the killed command got that far isn't known, so the first word finds something to do or not.
            let first = try TsugiteCommand.run(["apply", loaded.file(3), "--pid", pid])
            #expect(
                first.status == .exited(code: 0) || first.status == .exited(code: 10),
                "\(first.outputText)\(first.errorText)")
            #expect(try loaded.version() == 3)
            for (command, version) in [
                (["undo", "quote3"], 1), (["apply", try loaded.file(2)], 2), (["undo", "quote2"], 1),
            ] {
                let result = try TsugiteCommand.run(command + ["--pid", pid])
                #expect(
                    result.status == .exited(code: 0),
                    "\(command): \(result.outputText)\(result.errorText)")
                #expect(try loaded.version() == version, "\(command): \(result.outputText)\(result.errorText)")
            }
        }
    }
}
