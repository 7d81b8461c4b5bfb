public import ArgumentParser
import Findings
import FoundationEssentials
import Glibc

/// How results are printed.
public struct OutputOptions: ParsableArguments {
    /// Whether to print JSON.
    @Flag(name: .long, help: "Print the report as JSON.")
    public var json = false

    /// Text.
    public init() {}
}

/// Where the command's words go: results to standard output, everything else to standard error.
public enum Output {
    /// Prints a result.
    public static func result(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    /// Prints something about the work itself.
    public static func note(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// Shows a line that the next one overwrites; only for a terminal.
    public static func line(_ text: String) { write("\r\u{1b}[K" + text, to: STDERR_FILENO) }

    /// Prints a value as JSON, keys sorted.
    public static func json(_ value: some Encodable) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return note("the result can't be written as JSON") }
        result(String(decoding: data, as: UTF8.self))
    }

    /// Prints a value as JSON in one line: for streams of events.
    public static func jsonLine(_ value: some Encodable) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return note("the result can't be written as JSON") }
        result(String(decoding: data, as: UTF8.self))
    }

    /// Whether standard error is a terminal.
    public static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    private static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            // The part from `done` on lies inside the array.
            let count = unsafe bytes.withUnsafeBytes { all in
                unsafe Glibc.write(descriptor, all.baseAddress.map { unsafe $0 + done }, all.count - done)
            }
            // Nobody reads any more: there is no one to tell.
            if count <= 0 && errno != EINTR { return }
            done += max(count, 0)
        }
    }
}

/// Runs a verb; an error that it meets is printed as its finding and becomes the exit status.
public func reportingErrors(json: Bool, _ body: () throws -> Void) throws {
    struct Report: Encodable {
        var schema = "tsugite.error/1"
        let finding: Finding
    }
    do {
        try body()
    } catch let error as any DiagnosableError {
        let finding = error.finding
        if json { Output.json(Report(finding: finding)) } else { Output.note("tsugite: \(finding)") }
        throw ExitStatus(finding).exit
    }
}
