import Foundation
import Linux
import LivePatch
import ProcessPatcher
import TestSupport
import Testing

/// Processes in PID, mount and network namespaces of their own, so that an operation on all of them means these.
final class Pod {
    let folder: TemporaryDirectory
    private let first: Process
    private var running: [Process] = []
    private let pid: Int32

    init() throws {
        folder = try TemporaryDirectory(prefix: "tsugite-real")
        // Servers change to users of their own, who have to reach it.
        _ = unsafe chmod(folder.path, 0o755)
        first = Process()
        first.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        first.arguments = [
            "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--net", "sh", "-c",
            "ip link set lo up; exec sleep 100000",
        ]
        try first.run()
        var child: Int32?
        for _ in 0..<500 where child == nil {
            usleep(10_000)
            let path = "/proc/\(first.processIdentifier)/task/\(first.processIdentifier)/children"
            child = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: " ").first.flatMap {
                Int32($0)
            }
            if let found = child, (try? String(contentsOfFile: "/proc/\(found)/comm", encoding: .utf8)) != "sleep\n"
            {
                child = nil
            }
        }
        pid = try #require(child)
    }

    deinit {
        for process in running + [first] where process.isRunning { kill(process.processIdentifier, SIGKILL) }
        kill(pid, SIGKILL)
        for process in running + [first] { process.waitUntilExit() }
    }

    func path(_ name: String) -> String { folder.path + "/" + name }

    func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: path(name), atomically: false, encoding: .utf8)
        return path(name)
    }

    private func inside(_ words: [String]) -> [String] { ["-t", "\(pid)", "-p", "-m", "-n"] + words }

    /// Runs a program inside to its end.
    @discardableResult
    func run(_ words: [String], seconds: Int = 120) throws -> CommandResult {
        try Command("nsenter", inside(words), directory: folder.path, timeout: .seconds(seconds)).run()
    }

    /// Runs a program inside that has to succeed; what it printed.
    @discardableResult
    func must(_ words: [String], seconds: Int = 120, sourceLocation: SourceLocation = #_sourceLocation) throws
        -> String
    {
        let result = try run(words, seconds: seconds)
        try #require(
            result.succeeded, "\(words): \(result.status) \(result.outputText)\(result.errorText)",
            sourceLocation: sourceLocation)
        return result.outputText
    }

    /// A program that goes on; lines come from its output.
    func start(_ words: [String]) throws -> Talker {
        // Signals that tests block would be blocked in the servers, too, whose timers would never come.
        let script =
            "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, []); os.execv(sys.argv[1], sys.argv[1:])"
        let talker = try Talker(
            "/usr/bin/python3", ["-c", script, "/usr/bin/nsenter"] + inside(words), folder.path)
        running.append(talker.process)
        return talker
    }

    /// The command under test, inside.
    func tsugite(_ words: [String]) throws -> CommandResult { try run([TsugiteCommand.path] + words) }

    /// Waits until a command succeeds.
    func waits(for words: [String]) throws {
        for _ in 0..<300 {
            if try run(words).succeeded { return }
            usleep(50_000)
        }
        try must(words)
    }

    /// Makes a patch file that replaces exported functions of a binary by those of a C source.
    func patch(_ name: String, of binary: String, _ functions: [String], source: String, flags: [String] = [])
        throws -> String
    {
        let compiler = try Compiler()
        let object = try compiler.compile(
            source, ["-O2", "-c", "-fPIC", "-fno-plt", "-ffunction-sections", "-fdata-sections"] + flags,
            name: name + ".o")
        let input = try MiniBuilder.patch(name, binary: binary, object: object, replacing: functions)
        try FileSystem.replace(path(name + ".tsp"), with: input.patch.encoded())
        return path(name + ".tsp")
    }

    /// Applies to everything inside, under the eyes of `check`; undoes, and checks again.
    func change(_ file: String, _ more: [String] = [], least: Int = 1, check: (_ isPatched: Bool) throws -> Void)
        throws
    {
        try check(false)
        let applied = try tsugite(["apply", file, "--init", "--json"] + more)
        try #require(applied.status == .exited(code: 0), "\(applied.outputText)\(applied.errorText)")
        let report = try JSONDecoder().decode(Report.self, from: Data(applied.output))
        #expect(report.processes.count { $0.result == "applied" } >= least, "\(applied.outputText)")
        try check(true)
        let undone = try tsugite(["undo", file] + more)
        try #require(undone.status == .exited(code: 0), "\(undone.outputText)\(undone.errorText)")
        try check(false)
    }

    private struct Report: Decodable {
        struct Process: Decodable { let result: String }
        let processes: [Process]
    }
}

/// A program that takes lines and answers lines.
final class Talker {
    let process = Process()
    private let output = LineReader()
    private let input = Pipe()

    init(_ program: String, _ arguments: [String], _ folder: String) throws {
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardOutput = output.pipe
        process.standardError = FileHandle.nullDevice
        process.standardInput = input
        try process.run()
    }

    /// The next line; nil at the end.
    func line() -> String? { output.line() }

    func send(_ text: String) { input.fileHandleForWriting.write(Data((text + "\n").utf8)) }

    func ask(_ text: String) -> String? {
        send(text)
        return line()
    }

    /// Everything that it says to its end.
    func finish() -> String {
        try? input.fileHandleForWriting.close()
        let text = output.remainder()
        process.waitUntilExit()
        return text
    }
}
