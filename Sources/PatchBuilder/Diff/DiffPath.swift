// File names in diffs: quoting, prefixes, and the check that a name stays inside the tree.

import Findings

enum DiffPath {
    /// The name on a `---` or `+++` line; nil for a file that isn't there: `/dev/null`, or the time 0 that
    /// `diff -N` writes for one.
    ///
    /// A tab ends the name (GNU diff writes the time behind it); git quotes names with unusual bytes.
    static func headerName(_ text: some StringProtocol) -> String? {
        if let tab = text.firstIndex(of: "\t") {
            // West of Greenwich the time 0 is on the day before.
            let time = text[text.index(after: tab)...]
            if time.hasPrefix("1970-01-01 ") || time.hasPrefix("1969-12-31 ") { return nil }
        }
        let name: String
        if text.first == "\"" {
            name = unquoted(text)
        } else {
            name = String(text.prefix { $0 != "\t" && $0 != "\r" && $0 != "\n" && $0 != "\r\n" })
        }
        let trimmed = String(name.reversed().drop { $0 == " " }.reversed())
        return trimmed == "/dev/null" || trimmed.isEmpty ? nil : trimmed
    }

    /// Both names of `diff --git a/x b/x`.
    ///
    /// Names with blanks are only told apart when both are the same.
    static func gitHeaderNames(_ text: some StringProtocol) -> (old: String, new: String)? {
        let text = String(text)
        if text.hasPrefix("\"") || text.hasSuffix("\"") {
            let parts = quotedWords(text)
            return parts.count == 2 ? (parts[0], parts[1]) : nil
        }
        let characters = Array(text)
        for index in characters.indices where characters[index] == " " {
            let (old, new) = (String(characters[..<index]), String(characters[(index + 1)...]))
            if stripped(old, 1) == stripped(new, 1), stripped(old, 1) != nil { return (old, new) }
        }
        let parts = text.split(separator: " ")
        return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
    }

    /// The names in `Binary files OLD and NEW differ`.
    static func binaryNames(_ line: String) -> (old: String?, new: String?) {
        let middle = line.dropFirst("Binary files ".count).dropLast(" differ".count)
        let words = middle.split(separator: " ")
        guard let at = words.firstIndex(of: "and"), at > 0, at + 1 < words.count else {
            return (String(middle), String(middle))
        }
        return (
            headerName(words[..<at].joined(separator: " ")), headerName(words[(at + 1)...].joined(separator: " "))
        )
    }

    /// A C-quoted name as git writes it; a name without quotes as it is.
    static func unquoted(_ text: some StringProtocol) -> String {
        guard text.first == "\"" else { return String(text) }
        return quotedWords(String(text)).first ?? String(text)
    }

    /// Splits at blanks outside quotes and resolves `\n`, `\t`, `\"`, `\\` and `\ooo`.
    private static func quotedWords(_ text: String) -> [String] {
        var words: [String] = []
        var word: [UInt8] = []
        var quoted = false
        var began = false
        var bytes = Array(text.utf8)[...]
        while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                quoted.toggle()
                began = true
            case UInt8(ascii: " ") where !quoted:
                if began { words.append(String(decoding: word, as: UTF8.self)) }
                word = []
                began = false
            case UInt8(ascii: "\\") where quoted:
                word.append(escaped(&bytes))
            default:
                word.append(byte)
                began = true
            }
        }
        if began { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }

    private static func escaped(_ bytes: inout ArraySlice<UInt8>) -> UInt8 {
        guard let byte = bytes.popFirst() else { return UInt8(ascii: "\\") }
        switch byte {
        case UInt8(ascii: "n"): return 10
        case UInt8(ascii: "t"): return 9
        case UInt8(ascii: "r"): return 13
        case 48...55:
            var value = Int(byte - 48)
            for _ in 0..<2 {
                guard let digit = bytes.first, (48...55).contains(digit) else { break }
                value = value * 8 + Int(digit - 48)
                bytes.removeFirst()
            }
            return UInt8(truncatingIfNeeded: value)
        default: return byte
        }
    }

    /// `path` without its first `count` components; nil if it has too few.
    ///
    /// Runs of slashes count as one, as in `patch -p`.
    static func stripped(_ path: String, _ count: Int) -> String? {
        var rest = Array(path.utf8)[...]
        for _ in 0..<count {
            guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else { return nil }
            rest = rest[slash...].drop { $0 == UInt8(ascii: "/") }
        }
        return rest.isEmpty ? nil : String(decoding: rest, as: UTF8.self)
    }

    /// Refuses a path that goes up after it went down; `../pkg-1.0/x.c` is only a matter of stripping.
    static func checkDescent(_ path: String, diff: String) throws(BuildError) {
        let parts = path.split(separator: "/").filter { $0 != "." }
        guard parts.drop(while: { $0 == ".." }).contains("..") else { return }
        throw outside(path, diff: diff)
    }

    private static func outside(_ path: String, diff: String) -> BuildError {
        BuildError(
            .diffPath, "\(diff) names a file outside the source tree", evidence: ["diff": diff, "path": path])
    }

    /// The path made canonical, or an error if it could leave the tree.
    static func checked(_ path: String, diff: String) throws(BuildError) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).filter { $0 != "." }
        guard !path.hasPrefix("/"), !parts.isEmpty, !parts.contains(".."), !path.utf8.contains(0) else {
            throw outside(path, diff: diff)
        }
        return parts.joined(separator: "/")
    }
}
