import Findings
import Foundation
import Linux
import LivePatch
import TestSupport
import Testing

@testable import ProcessPatcher

extension ProcessTests {
    /// Others that look at, stop or change the same processes.
    @Suite struct CoexistenceTests {
        /// Starts a tool with no signal blocked: those that tests block by inheritance would keep it from working.
        private func tool(_ name: String, _ arguments: [String]) throws -> Victim {
            let script = """
                import os, signal, sys
                signal.pthread_sigmask(signal.SIG_SETMASK, [])
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                os.execv(sys.argv[1], sys.argv[1:])
                """
            return try Victim("/usr/bin/python3", ["-c", script, try Executable.find(name)] + arguments)
        }

        /// A probe of the kernel in the program's function, placed through tracefs.
        private final class Probe {
            private static let folder = "/sys/kernel/tracing/"
            private let name = "tsugite_\(getpid())"

            init(_ binary: String, offset: UInt64) throws {
                try write("p:\(name) \(binary):0x\(String(offset, radix: 16))", to: "uprobe_events")
                try write("1", to: "events/uprobes/\(name)/enable")
            }

            private func write(_ text: String, to file: String) throws {
                // Only appending adds a probe to those of others; these files can't be sought in.
                let file = try OwnedDescriptor.open(Self.folder + file, [.writeOnly, .append])
                try file.writeAll(Array(text.utf8), name: "tracefs")
            }

            deinit {
                try? write("0", to: "events/uprobes/\(name)/enable")
                try? write("-:\(name)", to: "uprobe_events")
            }
        }

        private func fileOffset(_ function: String, _ lab: Lab) throws -> UInt64 {
            let patch = try lab.patch(replacing: [function])
            let address = patch.patch.targets[0].functions[0].address
            let text = try Command("readelf", ["-lW", lab.target], timeout: .seconds(20)).run().outputText
            for line in text.split(separator: "\n") where line.contains("LOAD") {
                let words = line.split(separator: " ").filter { $0.hasPrefix("0x") }.compactMap {
                    UInt64($0.dropFirst(2), radix: 16)
                }
                guard words.count >= 5, address >= words[1], address < words[1] + words[4] else { continue }
                return address - words[1] + words[0]
            }
            throw MissingPart(what: "the segment of \(function)")
        }

        @Test(
            .enabled(
                if: FileManager.default.isWritableFile(atPath: "/sys/kernel/tracing/uprobe_events"), "no uprobes"))
        func `a uprobe in the function is named, one in the neighbour isn't touched, and both leave`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let patch = try lab.patch()
            do {
                let probe = try Probe(lab.target, offset: fileOffset("answer", lab))
                #expect(victim.ask("a") == "41")
                let report = try apply([patch], victim, wait: .milliseconds(300))
                #expect(report.result == .blocked, "\(report)")
                #expect(report.processes.first?.finding?.code == .processBreakpoint, "\(report)")
                #expect(victim.ask("a") == "41")
                withExtendedLifetime(probe) {}
            }
            do {
                let probe = try Probe(lab.target, offset: fileOffset("scale", lab))
                try expectApplied(apply([patch], victim))
                #expect(victim.ask("a") == "42")
                try expectApplied(undo("lab-fix", victim))
                #expect(victim.ask("a") == "41")
                withExtendedLifetime(probe) {}
            }
            try expectApplied(apply([patch], victim))
            #expect(victim.ask("a") == "42")
        }

        @Test(.enabled(if: isInstalled("bpftrace"), "bpftrace isn't installed"))
        func `a BPF program at a probe of a neighbour goes on counting`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let trace = try tool(
                "bpftrace",
                [
                    "-B", "none", "-e",
                    "uprobe:\(lab.target):scale { @n = count(); } BEGIN { printf(\"ready\\n\"); }",
                ])
            var line = trace.line()
            while let text = line, text != "ready" { line = trace.line() }
            guard line == "ready" else { return }
            try expectApplied(apply([lab.patch()], victim))
            for _ in 0..<20 { #expect(victim.ask("a") == "42") }
            try expectApplied(undo("lab-fix", victim))
            kill(trace.pid.rawValue, SIGINT)
            var text = ""
            while let more = trace.line() { text += more }
            #expect(text.contains("@n: 20"), "\(text)")
        }

        @Test(.enabled(if: isInstalled("gdb"), "gdb isn't installed"))
        func `gdb placed a breakpoint before: refused; afterwards it names the new code`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            func gdb(_ commands: [String]) throws -> Victim {
                try tool("gdb", ["-q", "-nx", "-batch", "-p", "\(victim.pid)"] + commands.flatMap { ["-ex", $0] })
            }
            // Held by gdb: refused, and gdb is named.
            let holder = try gdb(["break answer", "echo placed\\n", "shell sleep 5", "detach"])
            var line = holder.line()
            while let text = line, !text.contains("placed") { line = holder.line() }
            let report = try apply([lab.patch()], victim, wait: .milliseconds(200))
            #expect(report.processes.first?.finding?.code == .processTraced, "\(report)")
            #expect(report.processes.first?.finding?.evidence.contains { $0.value == "gdb" } == true)
            while holder.line() != nil {}
            // Gone, with its breakpoint: changed as if it had never been there.
            try expectApplied(apply([lab.patch(replacing: ["answer", "stay"])], victim))
            #expect(victim.ask("a") == "42")
            #expect(victim.ask("stay") == "ok")
            // A breakpoint in the new code's caller works, and a stack through the new code can be walked.
            let walker = try gdb(["thread apply all bt", "detach"])
            var text = ""
            while let more = walker.line() { text += more + "\n" }
            #expect(text.contains("wait_inside") && text.contains("stay_thread"), "\(text)")
            #expect(victim.ask("leave") == "ok")
            try expectApplied(undo("lab-fix", victim))
        }

        @Test(.enabled(if: isInstalled("perf"), "perf isn't installed"))
        func `perf samples a process while it is changed to and fro`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("spin 2") == "ok")
            let perf = try tool(
                "perf",
                [
                    "record", "-q", "-e", "cpu-clock", "-g", "-o", lab.compiler.path("perf.data"), "-p",
                    "\(victim.pid)",
                ])
            usleep(200_000)
            for _ in 0..<5 {
                try expectApplied(apply([lab.patch()], victim, wait: .seconds(30)))
                #expect(victim.ask("a") == "42")
                try expectApplied(undo("lab-fix", victim, wait: .seconds(30)))
            }
            kill(perf.pid.rawValue, SIGINT)
            perf.process.waitUntilExit()
            #expect(victim.ask("a") == "41")
        }

        @Test(.enabled(if: isInstalled("valgrind"), "valgrind isn't installed"))
        func `a program under valgrind is refused, naming it`() throws {
            let lab = try Lab.of()
            let victim = try tool("valgrind", ["-q", "--tool=none", lab.program])
            #expect(victim.line() == "ready")
            let report = try apply([lab.patch()], victim, wait: .milliseconds(200))
            #expect(report.result == .blocked, "\(report)")
            #expect(report.processes.first?.finding?.code == .processEmulated, "\(report)")
            #expect(victim.ask("a") == "41")
        }

        @Test(arguments: ["address", "undefined", "thread"])
        func `a program built with a sanitizer is changed like any other`(_ sanitizer: String) throws {
            let compiler = try Compiler()
            func source(_ version: Int) -> String {
                """
                #include <stdio.h>
                __attribute__((used)) static const char mark[] = RUN;
                __attribute__((noinline, noipa)) int answer(int x) { volatile int y = x; return y + \(version); }
                int main(void) { char l[10]; setvbuf(stdout, 0, _IOLBF, 0); puts("ready");
                    while (fgets(l, 10, stdin)) printf("%d\\n", answer(40)); }
                """
            }
            let flags = ["-O1", "-fsanitize=\(sanitizer)", "-Wl,--build-id", Lab.mark]
            let program = try compiler.compile(source(1), flags, name: "sanitized")
            let object = try compiler.compile(
                source(2), ["-O1", "-c", "-ffunction-sections", Lab.mark], name: "sanitized.o")
            let patch = try MiniBuilder.patch("sanitized", binary: program, object: object, replacing: ["answer"])
            let victim = try Victim(program)
            guard victim.line() == "ready" else { return }
            #expect(victim.ask() == "41")
            try expectApplied(apply([patch], victim))
            #expect(victim.ask() == "42")
            try expectApplied(undo("sanitized", victim))
            #expect(victim.ask() == "41")
        }

        @Test func `another live patcher's jump, direct or by register or memory, is named by its bytes`() throws {
            let lab = try Lab.of()
            let patch = try lab.patch()
            let function = patch.patch.targets[0].functions[0]
            // jmp rel32; jmp *[rip]; movabs + jmp; endbr64 + jmp rel32; push + ret is no trampoline that anybody uses.
            let jumps: [[UInt8]] = [
                [0xe9, 0x10, 0, 0, 0], [0xff, 0x25, 0, 0, 0, 0],
                [0x49, 0xbb, 0, 0, 0x40, 0, 0, 0, 0, 0, 0x41, 0xff, 0xe3],
            ]
            for jump in jumps {
                let victim = try lab.start()
                let session = try ProcessSession(victim.pid)
                let module = try #require(session.modules.first { $0.buildID == patch.patch.targets[0].buildID })
                let at = RemoteAddress(module.bias &+ function.address &+ UInt64(function.entrySkip))
                try session.memory.write(jump, at: at)
                let report = try apply([patch], victim, wait: .milliseconds(200))
                #expect(report.result == .blocked)
                let finding = try #require(report.processes.first?.finding)
                #expect([.processOtherPatcher, .processMismatch].contains(finding.code), "\(finding)")
                if jump[0] == 0xe9 { #expect(finding.code == .processOtherPatcher) }
                #expect(finding.evidence.contains { $0.name == "function" && $0.value == "answer" })
            }
        }
    }
}
