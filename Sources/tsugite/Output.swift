import FoundationEssentials
import Glibc

/// Where the command's words go: results to standard output, everything else to standard error.
enum Output {
    /// Prints a result.
    static func result(_ text: String) { print(text) }

    /// Prints something about the work itself.
    static func note(_ text: String) {
        let line = text + "\n"
        // The string's own bytes; a write to a terminal or file that fails has nobody to tell.
        _ = unsafe line.withCString { unsafe write(STDERR_FILENO, $0, strlen($0)) }
    }

    /// Prints a value as JSON, keys sorted.
    static func json(_ value: some Encodable) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return note("the result can't be written as JSON") }
        print(String(decoding: data, as: UTF8.self))
    }

    /// Whether standard error is a terminal.
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }
}
