import Foundation
import Linux
import TestSupport

/// A running program for a test; killed when it goes out of scope.
///
/// It prints lines on its standard output, which ``line()`` reads, and may take lines on its standard input.
final class Victim {
    let process = Process()
    private let output = LineReader()
    private let input = Pipe()

    init(_ program: String, _ arguments: [String] = [], environment: [String: String] = [:]) throws {
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = output.pipe
        process.standardInput = input
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        try process.run()
    }

    deinit { kill() }

    var pid: ProcessID { ProcessID(process.processIdentifier) }

    func kill() {
        if process.isRunning {
            Glibc.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }

    /// The next line of output; nil at its end.
    func line() -> String? { output.line() }

    /// Sends a line and answers the next line of output.
    func ask(_ text: String = "") -> String? {
        input.fileHandleForWriting.write(Data((text + "\n").utf8))
        return line()
    }
}
