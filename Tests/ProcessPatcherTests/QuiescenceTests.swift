import Findings
import Foundation
import Linux
import LivePatch
import TestSupport
import Testing

@testable import ProcessPatcher

extension ProcessTests {
    /// Who is in the way, who isn't, and what is said about it.
    @Suite struct QuiescenceTests {
        @Test(arguments: [
            LabKind(), LabKind(form: .staticFixed), LabKind(optimisation: "-O0"), LabKind(compiler: .clang),
        ])
        func `defers while a thread will return into the function, and says which`(_ kind: LabKind) throws {
            let lab = try Lab.of(kind)
            let victim = try lab.start()
            let patch = try lab.patch(replacing: ["stay", "answer"])
            #expect(victim.ask("stay") == "ok")
            let report = try apply([patch], victim, wait: .milliseconds(300))
            #expect(report.result == .deferred)
            #expect(report.result == .deferred)
            let finding = try #require(report.processes.first?.finding)
            #expect(finding.code == .processBusy)
            let evidence = Dictionary(finding.evidence.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
            #expect(evidence["function"] == "stay")
            #expect(evidence["thread"]?.hasPrefix("lab") == true)
            #expect(finding.evidence.count { $0.name.hasPrefix("frame") } >= 3, "\(finding)")
            #expect(victim.ask("a") == "41")
            #expect(try ProcessPatcher.status(.processes([victim.pid])).processes.isEmpty)
            #expect(victim.ask("leave") == "ok")
            try expectApplied(apply([patch], victim))
            #expect(victim.ask("a") == "42")
        }

        @Test func `waits until the thread has left`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("stay") == "ok")
            let patch = try lab.patch(replacing: ["stay"])
            let pid = victim.pid
            let task = Background { _ in
                try ProcessPatcher.apply(
                    [patch], to: .processes([pid]), ProcessPatcher.ApplyOptions(wait: .seconds(20)))
            }
            Thread.sleep(forTimeInterval: 0.2)
            #expect(victim.ask("leave") == "ok")
            let result = try #require(task.finish())
            #expect(result.result == .applied)
            #expect((result.processes.first?.tries ?? 0) > 1)
        }

        @Test func `isn't held up by deep recursion elsewhere, but by recursion in the function`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("harmless 200000") == "ok")
            try expectApplied(apply([lab.patch("a")], victim))
            #expect(victim.ask("a") == "42")
            #expect(victim.ask("recurse 50000") == "ok")
            let patch = try lab.patch("b", replacing: ["recurse"])
            #expect(try apply([patch], victim, wait: .milliseconds(100)).result == .deferred)
            #expect(victim.ask("leave") == "ok")
            #expect(victim.ask("leave") == "ok")
            try expectApplied(apply([patch], victim))
        }

        @Test func `doesn't take a stale return address for a frame`() throws {
            // `stay` returned long ago, but its leftovers lie in the frame of a function that never writes its buffer.
            let compiler = try Compiler()
            func source(_ version: Int) -> String {
                """
                #include <stdio.h>
                #include <unistd.h>
                __attribute__((noinline, noipa)) int leaf(volatile char *p) { char b[16]; p[0] = 1; return snprintf(b, 16, "%d", p[0]); }
                __attribute__((noinline, noipa)) int answer(int x) { volatile char pad[64]; pad[1] = 0; return leaf(pad) - 1 + x + \(version); }
                __attribute__((noinline, noipa)) int holder(void) {
                    volatile char big[4096]; char l[10]; (void)big;
                    if (!fgets(l, 10, stdin)) return 0;
                    return 1;
                }
                int main(void) {
                    setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
                    do { printf("%d\\n", answer(40)); } while (holder());
                }
                """
            }
            let program = try compiler.compile(source(1), ["-O0"], name: "stale")
            let object = try compiler.compile(source(2), ["-O0", "-c", "-ffunction-sections"], name: "stale.o")
            let patch = try MiniBuilder.patch("stale", binary: program, object: object, replacing: ["answer"])
            let victim = try Victim(program)
            #expect(victim.line() == "ready")
            #expect(victim.line() == "41")
            Thread.sleep(forTimeInterval: 0.05)
            let report = try apply([patch], victim, wait: .milliseconds(200))
            #expect(report.result == .applied, "\(report)")
            #expect(victim.ask() == "42")
            try expectApplied(undo("stale", victim, wait: .milliseconds(200)))
            #expect(victim.ask() == "41")
        }

        @Test func `sees through signal handlers on alternate stacks`() throws {
            let lab = try Lab.of()
            let patch = try lab.patch(replacing: ["stay"])
            let free = try lab.start()
            #expect(free.ask("alt") == "ok")
            let report = try apply([patch], free, wait: .milliseconds(300))
            #expect(report.result == .applied, "\(report)")
            let busy = try lab.start()
            #expect(busy.ask("alt-stay") == "ok")
            let second = try apply([patch], busy, wait: .milliseconds(300))
            #expect(second.result == .deferred)
            #expect(second.processes.first?.finding?.code == .processBusy)
            #expect(busy.ask("a") == "41")
        }

        @Test func `undo waits for threads in the new code`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            try expectApplied(apply([lab.patch(replacing: ["stay", "answer"])], victim))
            #expect(victim.ask("stay") == "ok")
            let report = try undo("lab-fix", victim, wait: .milliseconds(300))
            #expect(report.result == .deferred)
            let finding = try #require(report.processes.first?.finding)
            #expect(finding.evidence.contains { $0.name == "function" && $0.value == "stay" })
            #expect(finding.evidence.contains { $0.value.contains("patch lab-fix") }, "\(finding)")
            #expect(victim.ask("a") == "42")
            #expect(victim.ask("leave") == "ok")
            try expectApplied(undo("lab-fix", victim))
            #expect(victim.ask("a") == "41")
        }

        @Test func `gets hold of a function that is called all the time`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("spin 3") == "ok")
            for _ in 0..<5 {
                let report = try apply([lab.patch()], victim, wait: .seconds(30))
                try #require(report.result == .applied, "\(report)")
                #expect(victim.ask("a") == "42")
                try expectApplied(undo("lab-fix", victim, wait: .seconds(30)))
                #expect(victim.ask("a") == "41")
            }
        }

        @Test func `a main thread that ended is no obstacle`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("threads 3") == "ok")
            #expect(victim.ask("leader-exit") == "ok")
            Thread.sleep(forTimeInterval: 0.05)
            let report = try apply([lab.patch()], victim)
            #expect(report.result == .applied, "\(report)")
            try expectApplied(undo("lab-fix", victim))
        }
    }
}
