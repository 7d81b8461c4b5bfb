import Findings
import Foundation
import Linux
import LivePatch
import TestSupport
import Testing

@testable import ProcessPatcher

extension ProcessTests {
    /// All or nothing over several processes.
    @Suite struct GroupTests {
        private func together(
            _ patch: PatchInput, _ victims: [ProcessID], wait: Duration = .seconds(10), never: NeverList = .empty
        ) throws -> OperationReport {
            try ProcessPatcher.apply(
                [patch], to: .processes(victims),
                ProcessPatcher.ApplyOptions(wait: wait, isAllOrNothing: true, never: never))
        }

        @Test func `a pre-fork server changes in one step, and back`() throws {
            let lab = try Lab.of()
            let server = try lab.start()
            let workers = try (0..<5).map { _ in try #require(server.ask("fork").flatMap { Int32($0) }) }
            let all = [server.pid] + workers.map { ProcessID($0) }
            defer { for worker in workers { kill(worker, SIGKILL) } }
            let report = try together(lab.patch(), all)
            try expectApplied(report)
            #expect(report.processes.count == 6)
            #expect(server.ask("a") == "42")
            for process in all { #expect(try state(process) == .applied) }
            let undone = try ProcessPatcher.undo(
                PatchSelector("lab-fix"), in: .processes(all), wait: .seconds(10), isAllOrNothing: true)
            try expectApplied(undone)
            for process in all { #expect(try state(process) == .undone) }
            #expect(server.ask("a") == "41")
        }

        private func state(_ process: ProcessID) throws -> StatusReport.Patch.State? {
            try ProcessPatcher.status(.processes([process])).processes.first?.patches.first?.state
        }

        @Test func `one busy member keeps all others as they are, and is named`() throws {
            let lab = try Lab.of()
            let victims = try (0..<4).map { _ in try lab.start() }
            #expect(victims[2].ask("stay") == "ok")
            let patch = try lab.patch(replacing: ["answer", "stay"])
            let report = try together(patch, victims.map(\.pid), wait: .milliseconds(300))
            #expect(report.result == .deferred, "\(report)")
            for outcome in report.processes {
                let isBusy = outcome.pid == victims[2].pid.rawValue
                #expect(outcome.finding?.code == (isBusy ? .processBusy : .processGroup), "\(outcome)")
            }
            for victim in victims {
                #expect(victim.ask("a") == "41")
                #expect(try ProcessPatcher.status(.processes([victim.pid])).processes.isEmpty)
            }
            #expect(victims[2].ask("leave") == "ok")
            try expectApplied(together(patch, victims.map(\.pid)))
            for victim in victims { #expect(victim.ask("a") == "42") }
        }

        @Test func `one member that can't be changed keeps all others as they are`() throws {
            let lab = try Lab.of()
            let copy = lab.compiler.path("never-lab")
            if !FileManager.default.fileExists(atPath: copy) {
                try FileManager.default.copyItem(atPath: lab.program, toPath: copy)
            }
            let victims = [try lab.start(), try lab.start(copy), try lab.start()]
            let never = NeverList.parse("# ours\nname never-lab\n").list
            let report = try together(lab.patch(), victims.map(\.pid), never: never)
            #expect(report.result == .blocked)
            #expect(Set(report.processes.compactMap { $0.finding?.code }) == [.processNever, .processGroup])
            for victim in victims { #expect(victim.ask("a") == "41") }
        }

        @Test func `a member whose bytes differ keeps all others as they are`() throws {
            let lab = try Lab.of()
            let victims = try (0..<3).map { _ in try lab.start() }
            let patch = try lab.patch()
            let session = try ProcessSession(victims[1].pid)
            let module = try #require(session.modules.first { $0.buildID == patch.patch.targets[0].buildID })
            let at = RemoteAddress(module.bias &+ patch.patch.targets[0].functions[0].address &+ 12)
            let old = try session.memory.bytes(at, 1)
            try session.memory.write([old[0] ^ 1], at: at)
            let report = try together(patch, victims.map(\.pid))
            #expect(report.result == .blocked, "\(report)")
            try session.memory.write(old, at: at)
            for victim in victims { #expect(victim.ask("a") == "41") }
        }

        @Test func `children that a group makes meanwhile belong to it`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("fork-storm 2") == "ok")
            let options = ProcessPatcher.ApplyOptions(wait: .seconds(20), isAllOrNothing: true)
            let report = try ProcessPatcher.apply([lab.patch()], to: .all, options)
            #expect(victim.ask("calm") == "ok")
            // Whatever came of it came of all: the parent's answer tells which.
            let answer = victim.ask("a")
            #expect(answer == (report.result == .applied ? "42" : "41"), "\(report)")
            #expect(report.result == .applied || report.result == .deferred, "\(report)")
        }

        @Test func `a member that dies in the middle doesn't hold up the others`() throws {
            let lab = try Lab.of()
            let patch = try lab.patch()
            for delay in [0, 200, 1000, 3000, 8000] {
                let victims = try (0..<3).map { _ in try lab.start() }
                let pids = victims.map(\.pid)
                let task = Background { _ in try self.together(patch, pids) }
                usleep(UInt32(delay))
                victims[1].kill()
                let report = try #require(task.finish())
                #expect(victims[0].ask("a") == "42", "\(report)")
                #expect(victims[2].ask("a") == "42", "\(report)")
            }
        }

        @Test func `what was left half-way in a group is taken back or finished in all`() throws {
            let lab = try Lab.of()
            let file = lab.compiler.path("group.tsp")
            let input = try lab.patch("group-fix", replacing: ["answer", "second"])
            try FileSystem.replace(file, with: input.patch.encoded())
            for _ in 0..<12 {
                let victims = try (0..<5).map { _ in try lab.start() }
                let pids = victims.map { "\($0.pid)" }
                let process = Process()
                process.executableURL = URL(fileURLWithPath: TsugiteCommand.path)
                process.arguments = ["apply", file, "--all-or-nothing", "--pid"] + pids
                process.standardOutput = FileHandle.nullDevice
                process.standardError = FileHandle.nullDevice
                try process.run()
                usleep(.random(in: 5_000...40_000))
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
                _ = try TsugiteCommand.run(["recover", "--pid"] + pids)
                let answers = Set(victims.compactMap { $0.ask("a") })
                #expect(answers.count == 1, "\(answers)")
                for victim in victims {
                    let patches = try ProcessPatcher.status(.processes([victim.pid])).processes.first?.patches ?? []
                    #expect(!patches.contains { $0.state == .unfinished || $0.state == .altered })
                }
            }
        }
    }

    /// Which processes are meant.
    @Suite struct SelectionTests {
        /// A control group of this test's own, in the hierarchy that systemd uses or would use.
        private final class OwnGroup {
            let folder: String
            let path: String

            init(_ name: String) throws {
                let mounts = try String(contentsOfFile: "/proc/self/mounts", encoding: .utf8).split(separator: "\n")
                let unified = mounts.map { $0.split(separator: " ") }.first { $0.count > 2 && $0[2] == "cgroup2" }
                guard let root = unified?[1] else { throw MissingPart(what: "a cgroup2 mount") }
                path = "/tsugite-test-\(getpid())/\(name)"
                folder = root + path
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            }

            func take(_ process: ProcessID) throws {
                try "\(process)".write(toFile: folder + "/cgroup.procs", atomically: false, encoding: .utf8)
            }

            deinit {
                // Both paths live through the calls.
                _ = unsafe rmdir(folder)
                _ = unsafe rmdir(folder.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 })
            }
        }

        @Test func `a control group, and a unit by its name, mean their processes and no others`() throws {
            let lab = try Lab.of()
            let group = try OwnGroup("lab-\(getpid()).service")
            let inside = [try lab.start(), try lab.start()]
            let outside = try lab.start()
            for victim in inside { try group.take(victim.pid) }
            let patch = try lab.patch()
            for selection in [
                ProcessSelection.controlGroup(group.path), .unit("lab-\(getpid())"), .controlGroup(group.folder),
            ] {
                let report = try ProcessPatcher.apply(
                    [patch], to: selection, ProcessPatcher.ApplyOptions(isAllOrNothing: true))
                try expectApplied(report)
                #expect(Set(report.processes.map(\.pid)) == Set(inside.map(\.pid.rawValue)))
                #expect(inside.allSatisfy { $0.ask("a") == "42" })
                #expect(outside.ask("a") == "41")
                try expectApplied(ProcessPatcher.undo(PatchSelector("lab-fix"), in: selection))
                #expect(inside.allSatisfy { $0.ask("a") == "41" })
            }
            for victim in inside { victim.kill() }
        }

        @Test func `programs of the never-patch list carry their rule in the output`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let patch = try lab.patch()
            for (line, rule) in [
                ("exe \(lab.program)", "exe \(lab.program)"), ("name lab # a comment", "name lab"),
            ] {
                let options = ProcessPatcher.ApplyOptions(never: NeverList.parse(line).list)
                let report = try ProcessPatcher.apply([patch], to: .processes([victim.pid]), options)
                let finding = try #require(report.processes.first?.finding)
                #expect(finding.code == .processNever)
                #expect(finding.evidence.contains { $0.name == "rule" && $0.value == rule })
            }
            #expect(victim.ask("a") == "41")
            #expect(NeverList.parse("name\n").badLine == 1)
            #expect(NeverList.parse("exe /bin/x\n\nbogus y").badLine == 3)
        }

        @Test func `the machine's first process is left alone unless it is asked for`() throws {
            let admission = Admission(never: .empty, includesInit: false)
            #expect(admission.refusal(ProcessID(1))?.finding?.code == .processInit)
            #expect(Admission(never: .empty, includesInit: true).refusal(ProcessID(1)) == nil)
            #expect(admission.refusal(ProcessID.current) == nil)
        }
    }
}
