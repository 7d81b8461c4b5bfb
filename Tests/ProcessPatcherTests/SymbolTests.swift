import ELF
import Foundation
import Linux
import TestSupport
import Testing

@testable import ProcessPatcher

extension ProcessTests {
    /// What debuggers and profilers are told about new code.
    struct SymbolTests {
        /// A victim that calls the patched function all the time, and the names written for it.
        private struct Spinning {
            let lab: Lab
            let victim: Victim
            let folder: String

            init(_ option: String) throws {
                lab = try Lab.of()
                victim = try lab.start()
                #expect(victim.ask("spin 2") == "ok")
                try expectApplied(apply([lab.patch()], victim, wait: .seconds(30)))
                folder = lab.compiler.path("names-\(victim.pid)")
                let wrote = try TsugiteCommand.run(["symbols", "--pid", "\(victim.pid)", option, folder])
                #expect(wrote.status == .exited(code: 0), "\(wrote.outputText)\(wrote.errorText)")
            }
        }

        @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/gdb"), "gdb isn't installed"))
        func `gdb names new functions`() throws {
            let spinning = try Spinning("-o")
            let report = try #require(ProcessPatcher.symbols(in: spinning.victim.pid).first)
            let function = try #require(report.functions.first { $0.name.hasPrefix("answer") })
            let place = "0x" + String(function.address + 1, radix: 16)
            let gdb = try Command(
                "/usr/bin/gdb",
                [
                    "-q", "-nx", "-batch", "-p", "\(spinning.victim.pid)", "-x", spinning.folder + "/gdb", "-ex",
                    "info symbol \(place)",
                ], timeout: .seconds(60)
            ).run()
            #expect(gdb.outputText.contains("\(function.name) + 1 in section .text"), "\(gdb.outputText)")
        }

        @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/perf"), "perf isn't installed"))
        func `perf names new functions`() throws {
            let spinning = try Spinning("--symfs")
            let data = spinning.folder + "/perf.data"
            let record = try Command(
                "/usr/bin/perf",
                [
                    "record", "-q", "-e", "cpu-clock", "-o", data, "-p", "\(spinning.victim.pid)", "--", "sleep",
                    "1",
                ],
                timeout: .seconds(60)
            ).run()
            #expect(record.succeeded, "\(record.errorText)")
            let report = try Command(
                "/usr/bin/perf",
                ["report", "--stdio", "-i", data, "--symfs", spinning.folder, "--sort", "dso,symbol"],
                timeout: .seconds(60)
            ).run()
            let lines = report.outputText.split(separator: "\n").filter { $0.contains("tsugite:lab-fix") }
            #expect(lines.contains { $0.contains("[.] answer") }, "\(report.outputText)")
        }
    }
}
