import Linux
import TestSupport

/// A small C program, compiled now and running, that tells when it is ready by its first line of output.
///
/// What it prints on that line are addresses in it, hexadecimal, separated by blanks.
final class Victim {
    let id: ProcessID
    /// What it printed, number by number.
    let addresses: [RemoteAddress]
    private let compiler: Compiler
    private var process: ChildProcess?

    init(_ source: String, _ flags: [String] = ["-O1", "-pthread"]) throws {
        compiler = try Compiler(.gcc)
        let program = try compiler.compile(source, flags)
        let pipe = try OwnedDescriptor.pipe()
        let child = try ChildProcess(Command(program), output: pipe.writing.rawValue)
        id = child.id
        process = consume child
        let line = try Self.firstLine(pipe.keepingReader())
        addresses = line.split(separator: " ").compactMap { UInt64($0, radix: 16).map { RemoteAddress($0) } }
    }

    private static func firstLine(_ file: borrowing OwnedDescriptor) throws -> String {
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n") {
            var byte: UInt8 = 0
            // Sound: one byte is read into one byte.
            let result = unsafe withUnsafeMutableBytes(of: &byte) { unsafe file.read(into: $0) }
            if try result.check("read", "victim") == 0 { break }
            line.append(byte)
        }
        return String(decoding: line.dropLast(), as: UTF8.self)
    }

    /// Waits until it ends by itself.
    func wait() throws -> WaitStatus? {
        guard let child = process.take() else { return nil }
        return try child.wait()
    }

    /// Polls /proc until a condition holds; false if it doesn't within ten seconds.
    func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
        let deadline = MonotonicTime.now.advanced(by: .seconds(10))
        var backoff = Backoff(deadline: deadline)
        repeat {
            if try condition() { return true }
        } while backoff.pause()
        return false
    }

    func state() throws -> Character {
        var reader = ProcReader()
        return try reader.stat(of: id).state
    }

    func tracer() throws -> ThreadID {
        var reader = ProcReader()
        return try reader.status(of: id).tracer
    }
}
