import Findings
import Foundation
import Linux
import LivePatch
import TestSupport
import Testing

@testable import ProcessPatcher

extension ProcessTests {
    /// Busy functions: waiting, giving up with evidence, and taking it up again.
    @Suite struct ConvergenceTests {
        private func evidence(_ finding: Finding) -> [String: String] {
            Dictionary(finding.evidence.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
        }

        @Test func `a thread that is nearly always in the function is caught at its return`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("linger") == "ok")
            #expect(victim.ask("lingered") == "41")
            let options = ProcessPatcher.ApplyOptions(wait: .seconds(30), atReturn: true)
            let report = try ProcessPatcher.apply(
                [lab.patch(replacing: ["linger"])], to: .processes([victim.pid]), options)
            try expectApplied(report)
            #expect(victim.ask("lingered") == "42")
            let undone = try ProcessPatcher.undo(
                PatchSelector("lab-fix"), in: .processes([victim.pid]), wait: .seconds(30), atReturn: true)
            try expectApplied(undone)
            #expect(victim.ask("lingered") == "41")
        }

        @Test func `a loop that never returns is recognised, and reported with thread, stack, tries and way out`()
            throws
        {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("stay") == "ok")
            let report = try apply([lab.patch(replacing: ["stay"])], victim, wait: .seconds(8))
            #expect(report.result == .deferred)
            let outcome = try #require(report.processes.first)
            let finding = try #require(outcome.finding)
            #expect(finding.code == .processNeverReturns, "\(finding)")
            let evidence = evidence(finding)
            #expect(evidence["function"] == "stay")
            #expect(evidence["thread"] != nil && evidence["tid"] != nil && evidence["frame 0"] != nil)
            #expect(Int(evidence["tries"] ?? "") == outcome.tries)
            #expect(finding.remedy.contains("restart"))
        }

        @Test func `a coroutine's stack is busy, with the way out, until the thread is back on its own`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("coroutine") == "ok")
            let patch = try lab.patch()
            let report = try apply([patch], victim, wait: .milliseconds(300))
            #expect(report.result == .deferred, "\(report)")
            let finding = try #require(report.processes.first?.finding)
            #expect(
                finding.evidence.contains { $0.name == "function" && $0.value.contains("coroutine") }, "\(finding)")
            #expect(finding.remedy.contains("--at-return"))
            #expect(victim.ask("a") == "41")
            #expect(victim.ask("leave") == "ok")
            try expectApplied(apply([patch], victim))
            #expect(victim.ask("a") == "42")
        }

        @Test func `what was deferred is remembered by status, and taken up again`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let other = try lab.start()
            let records = DeferredRecords(lab.compiler.path("records"))
            let input = try lab.patch(replacing: ["stay", "answer"])
            let file = try input.patch.encoded()
            let patch = PatchInput(input.patch, digest: Digest(of: file))
            #expect(victim.ask("stay") == "ok")
            let both = ProcessSelection.processes([victim.pid, other.pid])
            let report = try ProcessPatcher.apply(
                [patch], to: both, ProcessPatcher.ApplyOptions(wait: .seconds(1)))
            #expect(report.result == .partial)
            try records.note(report, [(patch, ByteStorage(file))])
            let status = try ProcessPatcher.status(both, records: records)
            #expect(status.deferred.map(\.pid) == [victim.pid.rawValue])
            #expect(status.deferred.first?.finding?.code == .processBusy)
            #expect(try FileSystem.read(records.patchFile(patch.digest.description)) == file)
            // Tried again and still busy: one record, with both rounds' tries.
            let first = status.deferred.first?.tries ?? 0
            let again = try apply([patch], victim, wait: .milliseconds(200))
            try records.note(again, [(patch, ByteStorage(file))])
            #expect((records.all().first?.tries ?? 0) > first)
            #expect(victim.ask("leave") == "ok")
            let last = try apply([patch], victim)
            try expectApplied(last)
            try records.note(last, [(patch, ByteStorage(file))])
            #expect(records.all().isEmpty)
        }

        @Test func `a record of a process that has gone is forgotten`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let records = DeferredRecords(lab.compiler.path("records-gone"))
            let patch = try lab.patch(replacing: ["stay"])
            #expect(victim.ask("stay") == "ok")
            let report = try apply([patch], victim, wait: .milliseconds(100))
            try records.note(report, [(patch, ByteStorage(try patch.patch.encoded()))])
            #expect(records.all().count == 1)
            victim.kill()
            #expect(records.all().isEmpty)
        }
    }
}
