import Foundation
import Glibc
import Linux
import LivePatch
import TestSupport
import Testing

@testable import ProcessPatcher

extension ProcessTests {
    /// What a process, its threads and its parent must not notice.
    @Suite struct TransparencyTests {
        @Test func `sleeping system calls go on as if nothing had happened`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("waits") == "ok")
            let patch = try lab.patch()
            for _ in 0..<20 {
                try expectApplied(apply([patch], victim))
                try expectApplied(undo("lab-fix", victim))
                Thread.sleep(forTimeInterval: 0.1)
            }
            let answer = try #require(victim.ask("end-waits"))
            let results = Dictionary(
                answer.split(separator: " ").map { part in
                    let pair = part.split(separator: "=")
                    return (String(pair[0]), pair[1].split(separator: "/").map(String.init))
                }, uniquingKeysWith: { a, _ in a })
            // Result and errno of each call: only sigsuspend answers EINTR, because its signal came.
            for (call, wanted) in [
                ("nanosleep", "0"), ("poll", "0"), ("futex", "0"), ("read", "1"), ("sigsuspend", "-1"),
                ("epoll", "1"),
                ("semop", "0"), ("select", "0"), ("recv", "1"), ("futex-timeout", "-1"),
            ] {
                #expect(results[call]?[0] == wanted, "\(call): \(answer)")
            }
            #expect(results["accept"].map { Int($0[0]) ?? -1 >= 0 } == true, "\(answer)")
            #expect(results["sigtimedwait"]?[0] == "\(SIGRTMIN_VALUE + 3)", "\(answer)")
            #expect(results["sigsuspend"]?[1] == "4")
            #expect(results["futex-timeout"]?[1] == "110", "\(answer)")
            // Calls with a time limit kept it: a restart from the beginning would have taken twice as long.
            for call in ["nanosleep", "poll", "select", "futex-timeout"] {
                let seconds = try #require(results[call].flatMap { Double($0[2]) })
                #expect(seconds >= 2.0 && seconds < 3.0, "\(call): \(answer)")
            }
        }

        @Test func `no signal is lost under load`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("threads 4") == "ok")
            #expect(victim.ask("count") == "ok")
            let patch = try lab.patch()
            let pid = victim.pid.rawValue
            let sender = Background<Int> { task in
                var sent = 0
                while !task.isOver {
                    if unsafe sigqueue(pid, SIGRTMIN_VALUE + 1, sigval()) == 0 { sent += 1 } else { usleep(100) }
                    if sent % 64 == 0 { usleep(200) }
                }
                return sent
            }
            for _ in 0..<100 {
                try expectApplied(apply([patch], victim))
                try expectApplied(undo("lab-fix", victim))
            }
            let sent = try #require(sender.finish())
            Thread.sleep(forTimeInterval: 0.1)
            #expect(victim.ask("signals") == "\(sent)")
            #expect(sent > 1000)
        }

        @Test func `interval timers and their handlers go on`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("threads 2") == "ok")
            #expect(victim.ask("timer") == "ok")
            let patch = try lab.patch()
            for _ in 0..<30 {
                try expectApplied(apply([patch], victim))
                try expectApplied(undo("lab-fix", victim))
            }
            try expectApplied(apply([patch], victim))
            Thread.sleep(forTimeInterval: 0.02)
            #expect(victim.ask("untimer") == "42")
            #expect(victim.ask("w") == "42 42")
        }

        @Test func `a stopped process is changed, stays stopped, and its parent sees nothing`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("threads 3") == "ok")
            let pid = victim.pid.rawValue
            kill(pid, SIGSTOP)
            var status: Int32 = 0
            while unsafe waitpid(pid, &status, WUNTRACED) != pid { usleep(100) }
            var reader = ProcReader()
            #expect(try reader.stat(of: victim.pid).state == "T")
            try expectApplied(apply([lab.patch()], victim))
            #expect(try settles(victim.pid, in: "T", &reader))
            try expectApplied(undo("lab-fix", victim))
            try expectApplied(apply([lab.patch()], victim))
            #expect(try settles(victim.pid, in: "T", &reader))
            let change = unsafe waitpid(pid, &status, WUNTRACED | WNOHANG | WCONTINUED_VALUE)
            #expect(change == 0)
            kill(pid, SIGCONT)
            #expect(victim.ask("a") == "42")
            #expect(victim.ask("w") == "42 42")
        }

        @Test func `the parent of a running process sees nothing`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            var status: Int32 = 0
            for _ in 0..<10 {
                try expectApplied(apply([lab.patch()], victim))
                try expectApplied(undo("lab-fix", victim))
                let flags = WUNTRACED | WNOHANG | WCONTINUED_VALUE
                let change = unsafe waitpid(victim.pid.rawValue, &status, flags)
                #expect(change == 0)
            }
        }

        @Test func `leaves no descriptor, and the same mappings however often it is repeated`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let patch = try lab.patch()
            func state() throws -> [String] {
                let fds = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(victim.pid)/fd")
                let maps = try String(contentsOfFile: "/proc/\(victim.pid)/maps", encoding: .utf8)
                return fds.sorted() + maps.split(separator: "\n").map(String.init)
            }
            let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(victim.pid)/fd").count
            try expectApplied(apply([patch], victim))
            try expectApplied(undo("lab-fix", victim))
            let once = try state()
            for _ in 0..<50 {
                try expectApplied(apply([patch], victim))
                try expectApplied(undo("lab-fix", victim))
            }
            #expect(try state() == once)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: "/proc/\(victim.pid)/fd").count == descriptors)
            let image = once.filter { $0.contains("/memfd:tsugite:lab-fix:") }
            #expect(!image.isEmpty)
            #expect(image.allSatisfy { !$0.contains("wx") })
        }
    }
}

/// Whether the process comes to rest in this state: a thread that is let go walks back into its group's stop by
/// itself, in the kernel, a moment after the patcher has left.
private func settles(_ process: ProcessID, in state: Character, _ reader: inout ProcReader) throws -> Bool {
    for _ in 0..<5000 {
        if try reader.stat(of: process).state == state { return true }
        usleep(1000)
    }
    return false
}

/// WCONTINUED, which Swift doesn't import.
let WCONTINUED_VALUE: Int32 = 8
