/// Reads one value of the configuration as what its key wants, with errors that name what is allowed.
struct ValueReader {
    let key: String
    let value: YAMLValue

    private func failure(_ allowed: String) -> YAMLError {
        YAMLError(line: value.line, what: "\(key) is \(shown), allowed: \(allowed)")
    }

    private var shown: String {
        switch value.content {
        case .text(let text): text.isEmpty ? "empty" : "\"\(text)\""
        case .list: "a list"
        case .map: "a map"
        }
    }

    func text() throws(YAMLError) -> String {
        guard case .text(let text) = value.content, !text.isEmpty else { throw failure("one text") }
        return text
    }

    func bool() throws(YAMLError) -> Bool {
        guard case .text(let text) = value.content else { throw failure("yes, no") }
        switch text.lowercased() {
        case "yes", "true", "on", "1": return true
        case "no", "false", "off", "0": return false
        default: throw failure("yes, no")
        }
    }

    func number(_ range: ClosedRange<Int>) throws(YAMLError) -> Int {
        guard case .text(let text) = value.content, let number = Int(text), range.contains(number) else {
            throw failure("a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A time: a number with `s`, `m`, `h` or `d`.
    func seconds() throws(YAMLError) -> Int {
        guard case .text(let text) = value.content, let seconds = Period.seconds(text) else {
            throw failure("a time such as 30s, 15m, 4h or 1d")
        }
        return seconds
    }

    func date() throws(YAMLError) -> String {
        let text = try text()
        guard Period.isDate(text) else { throw failure("a date such as 2026-01-31, or 2026-01-31T12:00:00Z") }
        return text.count == 10 ? text + "T23:59:59Z" : text
    }

    func texts(_ check: (String) -> String? = { _ in nil }) throws(YAMLError) -> [String] {
        var all: [String] = []
        switch value.content {
        case .text(let text): if !text.isEmpty { all = [text] }
        case .list(let items): for item in items { all.append(try ValueReader(key: key, value: item).text()) }
        case .map: throw failure("a list of texts")
        }
        for text in all {
            if let allowed = check(text) {
                throw YAMLError(line: value.line, what: "\(key) holds \"\(text)\", allowed: \(allowed)")
            }
        }
        return all
    }

    func maps() throws(YAMLError) -> [[YAMLEntry]] {
        guard case .list(let items) = value.content else {
            if case .text("") = value.content { return [] }
            throw failure("a list of channels")
        }
        var all: [[YAMLEntry]] = []
        for item in items {
            guard case .map(let map) = item.content else {
                throw YAMLError(line: item.line, what: "\(key) holds text, allowed: label and url of a channel")
            }
            all.append(map)
        }
        return all
    }

    func windows() throws(YAMLError) -> [UpdateWindow] {
        var all: [UpdateWindow] = []
        for text in try texts() {
            guard let window = UpdateWindow(text) else {
                throw YAMLError(
                    line: value.line,
                    what:
                        "windows holds \"\(text)\", allowed: \"02:00-05:00\" or \"Sat,Sun 22:00-04:00\", local time"
                )
            }
            all.append(window)
        }
        return all
    }

    func choice<Choice: RawRepresentable & CaseIterable>(_: Choice.Type) throws(YAMLError) -> Choice
    where Choice.RawValue == String {
        guard case .text(let text) = value.content, let choice = Choice(rawValue: text) else {
            throw failure(Choice.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return choice
    }
}

/// Times as people write them.
public enum Period {
    /// `90s`, `15m`, `4h`, `2d`, or seconds without a letter; nil if it is something else.
    public static func seconds(_ text: String) -> Int? {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let last = text.last else { return nil }
        let factor = units[last]
        guard let number = Int(factor == nil ? text[...] : text.dropLast()), number >= 0, number <= 10_000_000
        else {
            return nil
        }
        return number * (factor ?? 1)
    }

    /// `2026-01-31`, with or without `T12:00:00Z`.
    static func isDate(_ text: String) -> Bool {
        let pattern = "dddd-dd-ddTdd:dd:ddZ"
        guard text.count == 10 || text.count == 20 else { return false }
        return zip(text, pattern).allSatisfy { $1 == "d" ? $0.isASCII && $0.isNumber : $0 == $1 }
    }
}

/// The name that was probably meant.
enum NearestName {
    /// The one with the fewest edits, if that is at most a third of its length; or one that contains the other.
    static func of(_ name: String, in known: [String]) -> String? {
        if let same = known.first(where: { $0.hasSuffix(name) || name.hasSuffix($0) }) { return same }
        let scored = known.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }
        return scored.min { $0.1 < $1.1 }.flatMap { $0.1 * 3 <= max(3, $0.0.utf8.count) ? $0.0 : nil }
    }

    /// Insertions, deletions and replacements (Levenshtein), row by row.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let replaced = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
            }
        }
        return row[b.count]
    }
}
