import Findings
import Foundation
import Linux
import LivePatch
import TestSupport
import Testing

@testable import ProcessPatcher

extension ProcessTests {
    /// Several patches in one process: side by side, one for another, refused.
    @Suite struct ReplaceTests {
        @Test func `a newer patch takes the place of the one that it includes, in one step`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let old = try lab.patch("old", version: 2, replacing: ["answer", "second"], changes: ["one"])
            let new = try lab.patch("new", version: 3, replacing: ["answer", "scale"], changes: ["one", "two"])
            try expectApplied(apply([old], victim))
            #expect(victim.ask("s") == "102 502 2")
            let report = try apply([new], victim)
            #expect(report.result == .applied, "\(report)")
            #expect(victim.ask("a") == "43")
            // Only the old patch replaced it, so the program's own is back.
            #expect(victim.ask("s") == "101 501 1")
            let status = try ProcessPatcher.status(.processes([victim.pid]))
            let patches = try #require(status.processes.first?.patches)
            #expect(patches.filter { $0.state == .applied }.map(\.name) == ["new"])
            #expect(patches.filter { $0.state == .undone }.map(\.name) == ["old"])
            // The old one is included in what is there.
            #expect(try apply([old], victim).result == .nothingToDo)
            // Back only when asked.
            try expectApplied(apply([old], victim, replace: true))
            #expect(victim.ask("a") == "42")
            try expectApplied(undo("old", victim))
            #expect(victim.ask("a") == "41")
            #expect(victim.ask("s") == "101 501 1")
        }

        @Test func `replacing to and fro takes no more memory after the first round`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let old = try lab.patch("old", version: 2, changes: ["one"])
            let new = try lab.patch("new", version: 3, changes: ["one", "two"])
            func images() throws -> Int {
                try String(contentsOfFile: "/proc/\(victim.pid)/maps", encoding: .utf8)
                    .split(separator: "\n").count { $0.contains("/memfd:tsugite") }
            }
            var counts: [Int] = []
            for _ in 0..<6 {
                try expectApplied(apply([old], victim, replace: true))
                #expect(victim.ask("a") == "42")
                try expectApplied(apply([new], victim))
                #expect(victim.ask("a") == "43")
                counts.append(try images())
            }
            #expect(counts.suffix(4).allSatisfy { $0 == counts.last }, "\(counts)")
        }

        @Test func `hundreds of generations, up and down, each in one step, without growth`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            // Each includes what the one before changed, as cumulative updates do.
            let generations = try (2...9).map { version in
                try lab.patch(
                    "generation\(version)", version: version, changes: (2...version).map { "change\($0)" })
            }
            func round() throws {
                for (index, patch) in generations.enumerated() {
                    let report = try apply([patch], victim)
                    #expect(report.processes.first?.result == .applied, "\(report)")
                    #expect(victim.ask("a") == "\(42 + index)")
                }
                for (index, patch) in generations.enumerated().reversed().dropFirst() {
                    try expectApplied(apply([patch], victim, replace: true))
                    #expect(victim.ask("a") == "\(42 + index)")
                }
                try expectApplied(undo("generation2", victim))
                #expect(victim.ask("a") == "41")
            }
            try round()
            let before = try Footprint(of: victim)
            for _ in 0..<20 { try round() }
            let after = try Footprint(of: victim)
            #expect(after.mappings.count == before.mappings.count)
            // A page lost with each change would be 300; the kernel itself takes some away and brings them back.
            #expect(after.residentPages <= before.residentPages + 64)
        }

        @Test func `patches of different functions live side by side`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let first = try lab.patch("first", version: 2, replacing: ["answer"])
            let other = try lab.patch("other", version: 3, replacing: ["second"])
            try expectApplied(apply([first], victim))
            try expectApplied(apply([other], victim))
            #expect(victim.ask("a") == "42")
            #expect(victim.ask("s") == "103 503 3")
            try expectApplied(undo("first", victim))
            #expect(victim.ask("a") == "41")
            #expect(victim.ask("s") == "103 503 3")
            try expectApplied(undo("other", victim))
            #expect(victim.ask("s") == "101 501 1")
            // Both in one step.
            let report = try apply([first, other], victim)
            #expect(report.result == .applied)
            #expect(report.processes.first?.tries == 1)
            #expect(victim.ask("a") == "42")
            #expect(victim.ask("s") == "103 503 3")
        }

        @Test func `two patches of one function don't go together unless one may go`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let first = try lab.patch("first", version: 2, replacing: ["answer"])
            let rival = try lab.patch("rival", version: 3, replacing: ["answer", "second"])
            try expectApplied(apply([first], victim))
            let report = try apply([rival], victim)
            #expect(report.result == .blocked)
            let finding = try #require(report.processes.first?.finding)
            #expect(finding.code == .processOverlap)
            #expect(finding.evidence.contains { $0.name == "functions" && $0.value == "answer" })
            #expect(victim.ask("a") == "42")
            #expect(try apply([first, rival], victim).result == .blocked)
            try expectApplied(apply([rival], victim, replace: true))
            #expect(victim.ask("a") == "43")
            try expectApplied(undo("rival", victim))
            #expect(victim.ask("a") == "41")
        }
    }
}
