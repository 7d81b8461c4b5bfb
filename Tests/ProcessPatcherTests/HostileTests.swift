import Findings
import Foundation
import Glibc
import Linux
import LivePatch
import TestSupport
import Testing

@testable import ProcessPatcher

extension ProcessTests {
    /// Processes that can't be changed, or do everything to make it hard; none may be harmed.
    @Suite struct HostileTests {
        @Test func `a filter that kills on mmap neither kills nor is weakened`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("filter") == "filtered")
            let report = try apply([lab.patch()], victim)
            #expect(report.result == .applied, "\(report)")
            #expect(victim.ask("a") == "42")
            try expectApplied(undo("lab-fix", victim))
            #expect(victim.ask("a") == "41")
            // Still in force: this call is forbidden.
            #expect(victim.ask("getppid") == nil)
        }

        @Test func `write-xor-execute and non-dumpable processes are changed like others`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("mdwe") == "0")
            #expect(victim.ask("undumpable") == "0")
            try expectApplied(apply([lab.patch()], victim))
            #expect(victim.ask("a") == "42")
            try expectApplied(undo("lab-fix", victim))
        }

        @Test func `a child of vfork is waited for`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("threads 2") == "ok")
            #expect(victim.ask("vfork 700") == "ok")
            let early = try apply([lab.patch()], victim, wait: .milliseconds(100))
            #expect(early.result == .deferred, "\(early)")
            #expect(early.processes.first?.finding?.code == .processUnstoppable)
            let report = try apply([lab.patch()], victim, wait: .seconds(10))
            #expect(report.result == .applied, "\(report)")
            #expect(victim.line() == "back")
            #expect(victim.ask("a") == "42")
        }

        @Test func `a breakpoint inside the function is named`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let patch = try lab.patch()
            let function = patch.patch.targets[0].functions[0]
            let session = try ProcessSession(victim.pid)
            let bias = try #require(session.modules(with: patch.patch.targets[0].buildID).first).bias
            let place = RemoteAddress(bias + function.address + 6)
            let byte = try session.memory.bytes(place, 1)
            try session.memory.write([0xcc], at: place)
            let report = try apply([patch], victim)
            #expect(report.result == .blocked)
            #expect(report.result == .blocked)
            let finding = try #require(report.processes.first?.finding)
            #expect(finding.code == .processBreakpoint)
            #expect(finding.evidence.contains { $0.name == "function" && $0.value == "answer" })
            #expect(finding.evidence.contains { $0.name == "offset" && $0.value == "0x6" })
            try session.memory.write(byte, at: place)
            try expectApplied(apply([patch], victim))
        }

        @Test func `other bytes, and another patcher's jump, are told apart`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let patch = try lab.patch()
            let session = try ProcessSession(victim.pid)
            let bias = try #require(session.modules(with: patch.patch.targets[0].buildID).first).bias
            let entry = RemoteAddress(bias + patch.patch.targets[0].functions[0].address)
            let original = try session.memory.bytes(entry, 8)
            try session.memory.write([0xe9, 0, 1, 0, 0], at: entry)
            #expect(try apply([patch], victim).processes.first?.finding?.code == .processOtherPatcher)
            try session.memory.write([0x90], at: entry)
            #expect(try apply([patch], victim).processes.first?.finding?.code == .processMismatch)
            try session.memory.write(original, at: entry)
            try expectApplied(apply([patch], victim))
            #expect(victim.ask("a") == "42")
        }

        @Test func `a traced process is refused, naming its tracer`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let tracer = try Victim("/usr/bin/gdb", ["-q", "-nx", "-p", "\(victim.pid)"])
            var reader = ProcReader()
            while try reader.status(of: victim.pid).tracer.rawValue == 0 { usleep(10_000) }
            let report = try apply([lab.patch()], victim, wait: .milliseconds(100))
            #expect(report.result == .blocked)
            let finding = try #require(report.processes.first?.finding)
            #expect(finding.code == .processTraced)
            #expect(finding.evidence.contains { $0.name == "name" && $0.value == "gdb" })
            tracer.kill()
        }

        @Test func `no room within reach is a finding`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            _ = victim.ask("fill")
            let report = try apply([lab.patch()], victim)
            #expect(report.result == .blocked, "\(report)")
            #expect(report.processes.first?.finding?.code == .processNoSpace)
            #expect(victim.ask("a") == "41")
        }

        @Test func `zombies, kernel threads and numbers of nobody are said to be what they are`() throws {
            let patch = try Lab.of().patch()
            let kernel = try ProcessPatcher.apply([patch], to: .processes([ProcessID(2)]))
            #expect(kernel.processes.first?.finding?.code == .processNotUser)
            #expect(kernel.result == .nothingToDo)
            let nobody = try ProcessPatcher.apply([patch], to: .processes([ProcessID(4_194_000)]))
            #expect(nobody.processes.first?.finding?.code == .processGone)
        }

        @Test(arguments: ["fork-storm 4", "thread-storm 4"])
        func `storms of processes and threads end changed or deferred, never harmed`(_ storm: String) throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("threads 2") == "ok")
            #expect(victim.ask(storm) == "ok")
            for _ in 0..<5 {
                let report = try apply([lab.patch()], victim, wait: .seconds(20))
                #expect(report.result == .applied, "\(report)")
                #expect(victim.ask("w") == "42 42")
                let undone = try undo("lab-fix", victim, wait: .seconds(20))
                #expect(undone.result == .applied, "\(undone)")
                #expect(victim.ask("w") == "41 41")
            }
            #expect(victim.ask("calm") == "ok")
            #expect(victim.ask("a") == "41")
        }

        @Test func `a process that execs while its many threads are attached to hangs neither itself nor us`()
            throws
        {
            let lab = try Lab.of()
            let patch = try lab.patch()
            for round in 0..<80 {
                let victim = try lab.start()
                // Those that sleep are borrowed rather than those that work.
                #expect(victim.ask(round % 4 < 2 ? "threads 64" : "sleepers 64") == "ok")
                let pid = victim.pid
                let task = Background { _ in try ProcessPatcher.apply([patch], to: .processes([pid])) }
                usleep(UInt32(round * 100))
                #expect(victim.ask(round % 2 == 0 ? "exec" : "exec-thread") == "again")
                let result = task.finish()?.processes.first
                #expect(
                    result?.result == .applied || result?.result == .nothingToDo, "\(String(describing: result))")
                #expect(["41", "42"].contains(victim.ask("a") ?? ""))
            }
        }

        @Test func `exec and exit in the middle are clear outcomes`() throws {
            let lab = try Lab.of()
            let patch = try lab.patch()
            for command in ["exec", "exit"] {
                for round in 0..<30 {
                    let victim = try lab.start()
                    if round % 2 == 0 { #expect(victim.ask("threads 4") == "ok") }
                    let pid = victim.pid
                    let task = Background { _ in try ProcessPatcher.apply([patch], to: .processes([pid])) }
                    usleep(UInt32(round * 300))
                    let line = victim.ask(command)
                    let result = task.finish()?.processes.first
                    // Whole, or nothing to do because it is gone or maps nothing at this instant.
                    #expect(
                        result?.result == .applied || result?.result == .nothingToDo,
                        "\(String(describing: result))")
                    if command == "exec" {
                        #expect(line == "again")
                        #expect(["41", "42"].contains(victim.ask("a") ?? ""))
                        let again = try apply([patch], victim)
                        #expect(again.result == .applied || again.result == .nothingToDo, "\(again)")
                        #expect(victim.ask("a") == "42")
                    }
                }
            }
        }
    }
}
