/// A file's text as lines, bytes untouched: no assumption about encoding or line ends.
///
/// A line keeps its terminator; only the last line of a file may lack one.
struct SourceLines: Equatable, Sendable {
    /// The lines in order.
    var lines: [ArraySlice<UInt8>]

    /// Splits `bytes` behind each newline.
    init(_ bytes: [UInt8]) {
        lines = []
        var start = 0
        for index in bytes.indices where bytes[index] == Self.newline {
            lines.append(bytes[start...index])
            start = index + 1
        }
        if start < bytes.count { lines.append(bytes[start...]) }
    }

    /// Takes lines that are split already.
    init(lines: [ArraySlice<UInt8>]) { self.lines = lines }

    /// The whole text again.
    var bytes: [UInt8] { Array(lines.joined()) }

    static let newline = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
}

extension ArraySlice<UInt8> {
    /// The line without its terminator (`\n` or `\r\n`).
    var withoutTerminator: ArraySlice<UInt8> {
        var line = self
        if line.last == SourceLines.newline { line = line.dropLast() }
        if line.last == SourceLines.carriageReturn { line = line.dropLast() }
        return line
    }

    /// For messages; bytes that are no UTF-8 are shown as replacement characters.
    var printable: String { String(decoding: withoutTerminator, as: UTF8.self) }
}
