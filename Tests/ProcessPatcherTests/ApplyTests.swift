import Findings
import Foundation
import Linux
import LivePatch
import TestSupport
import Testing

@testable import ProcessPatcher

extension ProcessTests {
    /// Applying and undoing in real processes; tracing them needs root.
    @Suite struct ApplyTests {
        @Test(arguments: LabKind.all)
        func `applies and undoes in every kind of binary`(_ kind: LabKind) throws {
            let lab = try Lab.of(kind)
            let victim = try lab.start()
            let patch = try lab.patch(replacing: ["answer", "second"])
            #expect(victim.ask("a") == "41")
            let report = try apply([patch], victim)
            #expect(report.result == .applied, "\(report)")
            #expect(victim.ask("a") == "42")
            #expect(victim.ask("s") == "102 502 2")
            #expect(victim.ask("p") == "42 1")
            let undone = try undo("lab-fix", victim)
            #expect(undone.result == .applied, "\(undone)")
            #expect(victim.ask("a") == "41")
            #expect(victim.ask("s") == "101 501 1")
            #expect(victim.ask("p") == "41 1")
        }

        @Test(arguments: [2, 9, 65])
        func `changes all threads of a busy process at once`(_ threads: Int) throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("threads \(threads - 1)") == "ok")
            try expectApplied(apply([lab.patch()], victim))
            #expect(victim.ask("w") == "42 42")
            try expectApplied(undo("lab-fix", victim))
            #expect(victim.ask("w") == "41 41")
        }

        @Test func `changes several processes and those that they fork`() throws {
            let lab = try Lab.of()
            let victims = try (0..<6).map { _ in try lab.start() }
            let patch = try lab.patch()
            let report = try ProcessPatcher.apply([patch], to: .all)
            try expectApplied(report)
            let pids = Set(report.processes.map(\.pid))
            for victim in victims {
                #expect(pids.contains(victim.pid.rawValue))
                #expect(victim.ask("a") == "42")
            }
            let child = try #require(victims[0].ask("fork").flatMap { Int32($0) })
            defer { kill(child, SIGKILL) }
            let status = try ProcessPatcher.status(.processes([ProcessID(child)]))
            #expect(status.processes.first?.patches.first?.state == .applied)
            try expectApplied(ProcessPatcher.undo(PatchSelector(patch.digest), in: .all))
            #expect(try ProcessPatcher.status(.processes([ProcessID(child)])).isEmpty)
        }

        @Test func `changes several modules in one step`() throws {
            let lab = try Lab.of(LabKind(form: .library))
            let compiler = lab.compiler
            let program = try compiler.compile(
                labSource.replacingOccurrences(
                    of: "static void count_signal(int s) {", with: "NOINLINE static void count_signal(int s) {"),
                [
                    "-O2", "-DVERSION=1", "-DMAIN_ONLY", "-Wl,--build-id", "-L\(compiler.folder)",
                    "-Wl,-rpath,\(compiler.folder)", "-llab", "-lpthread", Lab.mark,
                ], name: "twice")
            let object = try compiler.compile(
                labSource.replacingOccurrences(
                    of: "static void count_signal(int s) {",
                    with: "NOINLINE void count_signal(int s) { signals += 9;"),
                ["-O2", "-DVERSION=1", "-DMAIN_ONLY", "-c", "-fpie", "-ffunction-sections", Lab.mark],
                name: "twice2.o")
            var library = try MiniBuilder(binary: lab.target, object: lab.object(2))
            let (first, firstObject) = try library.target("liblab.so", replacing: ["answer"])
            var main = try MiniBuilder(binary: program, object: object)
            let (second, secondObject) = try main.target("twice", replacing: ["count_signal"])
            let (targets, joined) = PatchParts.join([(first, firstObject), (second, secondObject)])
            let patch = try MiniBuilder.input("two", targets, joined, changes: ["two"])
            let victim = try lab.start(program)
            #expect(victim.ask("count") == "ok")
            let report = try apply([patch], victim)
            #expect(report.result == .applied, "\(report)")
            #expect(report.processes.first?.functions.sorted() == ["answer", "count_signal"])
            #expect(report.processes.first?.tries == 1)
            #expect(victim.ask("a") == "42")
            kill(victim.pid.rawValue, SIGRTMIN_VALUE + 1)
            #expect(victim.ask("signals") == "10")
            try expectApplied(undo("two", victim))
            #expect(victim.ask("a") == "41")
        }

        @Test func `finds a deleted and a replaced binary by its build-id`() throws {
            let lab = try Lab.of()
            let patch = try lab.patch()
            for replace in [false, true] {
                let copy = lab.compiler.path("copy-\(replace)")
                try FileManager.default.copyItem(atPath: lab.program, toPath: copy)
                let victim = try lab.start(copy)
                try FileManager.default.removeItem(atPath: copy)
                if replace { try FileManager.default.copyItem(atPath: "/bin/true", toPath: copy) }
                let report = try ProcessPatcher.apply([patch], to: .all)
                #expect(report.processes.contains { $0.pid == victim.pid.rawValue && $0.result == .applied })
                #expect(victim.ask("a") == "42")
            }
        }

        @Test func `leaves processes alone that run something else`() throws {
            let victim = try Victim("/bin/sleep", ["100"])
            let report = try apply([try Lab.of().patch()], victim)
            #expect(report.result == .nothingToDo)
            #expect(report.processes.first?.finding?.code == .processNotFound)
            #expect(report.result == .nothingToDo)
        }

        @Test func `does nothing twice`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let patch = try lab.patch()
            try expectApplied(apply([patch], victim))
            let again = try apply([patch], victim)
            #expect(again.result == .nothingToDo)
            #expect(again.processes.first?.patches == ["lab-fix"])
            try expectApplied(undo("lab-fix", victim))
            #expect(try undo("lab-fix", victim).result == .nothingToDo)
        }

        @Test func `plans without changing anything`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let report = try ProcessPatcher.apply(
                [try lab.patch()], to: .processes([victim.pid]), ProcessPatcher.ApplyOptions(dryRun: true))
            #expect(report.result == .applied)
            #expect(report.operation == "plan")
            #expect(victim.ask("a") == "41")
            #expect(try ProcessPatcher.status(.processes([victim.pid])).processes.isEmpty)
        }

        @Test func `replaces a function shorter than the jump if its padding is proven`() throws {
            let compiler = try Compiler()
            func source(_ body: String) -> String {
                """
                #include <stdio.h>
                __attribute__((noinline, noipa)) int tiny(void) { \(body) }
                __attribute__((noinline, noipa)) int next(void) { return 7; }
                int main(void) { char l[10]; setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
                    while (fgets(l, 10, stdin)) { \(body.isEmpty ? "tiny();" : "") printf("%d\\n", tiny() + next()); } }
                """
            }
            // `xor eax, eax; ret` is three bytes.
            let program = try compiler.compile(source("return 0;"), ["-O2", "-fcf-protection=none"], name: "tiny")
            let object = try compiler.compile(
                source("return 5;"), ["-O2", "-c", "-ffunction-sections", "-fcf-protection=none"], name: "tiny.o")
            let patch = try MiniBuilder.patch("tiny", binary: program, object: object, replacing: ["tiny"])
            #expect(patch.patch.targets[0].functions[0].size < 5)
            let victim = try Victim(program)
            _ = victim.line()
            #expect(victim.ask() == "7")
            try expectApplied(apply([patch], victim))
            #expect(victim.ask() == "12")
            try expectApplied(undo("tiny", victim))
            #expect(victim.ask() == "7")
        }
    }
}
