import Linux
import LivePatch
import TestSupport
import Testing

@testable import ProcessPatcher

/// Applying and undoing in real processes. These tests trace processes, so they need root.
@Suite(.serialized, .enabled(if: canTrace, "needs root to trace processes"))
struct ApplyTests {
    @Test func `applies, shows and undoes in a simple program`() throws {
        let compiler = try Compiler()
        let program = try compiler.compile(Programs.asking(1), ["-O2"], name: "victim")
        let object = try compiler.compile(
            Programs.asking(2), ["-O2", "-c", "-ffunction-sections", "-fdata-sections"], name: "new.o")
        let patch = try MiniBuilder.patch("simple", binary: program, object: object, replacing: ["answer"])
        let victim = try Victim(program)
        #expect(victim.line() == "ready")
        #expect(victim.ask() == "41")
        let report = try ProcessPatcher.apply([patch], to: .processes([victim.pid]))
        print(report)
        #expect(report.result == .applied)
        #expect(victim.ask() == "42")
        let undone = try ProcessPatcher.undo(PatchSelector("simple"), in: .processes([victim.pid]))
        print(undone)
        #expect(undone.result == .applied)
        #expect(victim.ask() == "41")
    }
}
