import ArgumentParser
import Findings
import FoundationEssentials
import Glibc

/// How results are printed.
struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print the report as JSON.")
    var json = false
}

/// Exit statuses of all verbs, beside those of the argument parser (64 usage).
enum ExitStatus {
    /// The operation isn't possible here.
    static let blocked: Int32 = 13
    /// Something that should work didn't.
    static let `internal`: Int32 = 70

    /// The status for an error that kept a verb from doing anything.
    static func of(_ finding: Finding) -> Int32 {
        let code = finding.code.rawValue
        return code.hasPrefix("SYS-") ? Self.internal : blocked
    }
}

/// Prints results on standard output, everything else on standard error.
enum Printer {
    static func out(_ text: String) { write(text + "\n", to: 1) }

    static func error(_ text: String) { write(text + "\n", to: 2) }

    /// A line that the next one overwrites, if anybody watches.
    static func progress(_ text: String) {
        guard isatty(2) == 1 else { return }
        write("\r\u{1b}[K" + text, to: 2)
    }

    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        out(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    private static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            // The slice lies inside the array.
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
func reportingErrors(json: Bool, _ body: () throws -> Void) throws {
    struct Report: Encodable {
        var schema = "tsugite.error/1"
        let finding: Finding
    }
    do {
        try body()
    } catch let error as any DiagnosableError {
        let finding = error.finding
        if json { try Printer.json(Report(finding: finding)) } else { Printer.error("tsugite: \(finding)") }
        throw ExitCode(ExitStatus.of(finding))
    }
}
