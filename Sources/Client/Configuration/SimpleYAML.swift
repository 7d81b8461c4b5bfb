import Findings

// The part of YAML 1.2 that a configuration of switches and lists needs, read strictly:
//
//   key: value            text, quoted or not; # begins a comment
//   key:                  a list of texts, or of small maps
//     - value
//     - key: value
//       key: value
//   key: [a, b]           the same on one line
//
// Everything else (anchors, tags, block texts, deeper nesting, tabs) is refused with its line, because a switch that
// is read in another way than its author meant is worse than one that is refused.

/// One value with the line where it stands.
struct YAMLValue {
    indirect enum Content {
        case text(String)
        case list([YAMLValue])
        case map([YAMLEntry])
    }
    var content: Content
    var line: Int
}

/// One line of a map.
struct YAMLEntry {
    var key: String
    var value: YAMLValue
}

/// Why a file can't be read: where and what.
struct YAMLError: Error, Equatable {
    var line: Int
    var what: String
}

/// Reads the files of the form above.
struct SimpleYAML {
    private struct Line {
        var number: Int
        var indent: Int
        var text: Substring
    }
    private var lines: [Line] = []
    private var next = 0

    /// Reads a whole file.
    static func parse(_ text: String) throws(YAMLError) -> [YAMLEntry] {
        var parser = SimpleYAML()
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = try stripComment(raw, index + 1)
            guard let first = line.firstIndex(where: { $0 != " " }), line != "---" else { continue }
            guard !line[..<first].contains("\t"), line[first] != "\t" else {
                throw YAMLError(line: index + 1, what: "tabs can't indent; use spaces")
            }
            let indent = line.distance(from: line.startIndex, to: first)
            parser.lines.append(Line(number: index + 1, indent: indent, text: line[first...]))
        }
        let entries = try parser.map(indent: 0)
        if parser.next < parser.lines.count {
            throw YAMLError(
                line: parser.lines[parser.next].number, what: "this line is indented in a way that fits nothing")
        }
        return entries
    }

    /// Without comment and trailing spaces; `#` begins a comment at the start or after a space, outside of quotes.
    private static func stripComment(_ line: Substring, _ number: Int) throws(YAMLError) -> Substring {
        var quote: Character?
        var last: Character = " "
        var end = line.endIndex
        for index in line.indices {
            let character = line[index]
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "\"" || character == "'", last == " " || last == "[" || last == "," {
                quote = character
            } else if character == "#", last == " " {
                end = index
                break
            }
            last = character
        }
        if quote != nil { throw YAMLError(line: number, what: "a quote isn't closed") }
        var kept = line[..<end]
        while kept.last == " " || kept.last == "\r" { kept.removeLast() }
        return kept
    }

    private mutating func map(indent: Int) throws(YAMLError) -> [YAMLEntry] {
        var entries: [YAMLEntry] = []
        while next < lines.count, lines[next].indent == indent, !lines[next].text.hasPrefix("- ") {
            let line = lines[next]
            next += 1
            let (key, rest) = try Self.split(line.text, line.number)
            if entries.contains(where: { $0.key == key }) {
                throw YAMLError(line: line.number, what: "\(key) stands here for the second time")
            }
            let value =
                rest.isEmpty
                ? try list(after: line.indent, line.number) : try Self.scalar(rest, line.number)
            entries.append(YAMLEntry(key: key, value: value))
        }
        return entries
    }

    private mutating func list(after indent: Int, _ number: Int) throws(YAMLError) -> YAMLValue {
        var items: [YAMLValue] = []
        guard next < lines.count, lines[next].indent >= indent, lines[next].text.hasPrefix("-") else {
            return YAMLValue(content: .text(""), line: number)
        }
        let inner = lines[next].indent
        while next < lines.count, lines[next].indent == inner, lines[next].text.hasPrefix("- ") {
            let line = lines[next]
            let body = line.text.dropFirst(2).drop { $0 == " " }
            if !body.hasPrefix("\""), !body.hasPrefix("'"), (try? Self.split(body, line.number)) != nil {
                // A map: its first key stands behind the dash, the others below it.
                let column = inner + (line.text.count - body.count)
                lines[next] = Line(number: line.number, indent: column, text: body)
                items.append(YAMLValue(content: .map(try map(indent: column)), line: line.number))
            } else {
                next += 1
                items.append(try Self.scalar(body, line.number))
            }
        }
        return YAMLValue(content: .list(items), line: number)
    }

    private static func split(_ text: Substring, _ number: Int) throws(YAMLError) -> (String, Substring) {
        guard let colon = text.firstIndex(of: ":"), colon != text.startIndex else {
            throw YAMLError(line: number, what: "expected KEY: VALUE")
        }
        let key = text[..<colon]
        let rest = text[text.index(after: colon)...]
        guard key.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" }),
            rest.isEmpty || rest.first == " "
        else { throw YAMLError(line: number, what: "expected KEY: VALUE") }
        return (String(key), rest.drop { $0 == " " })
    }

    /// What stands between the commas of a list; a comma in quotes belongs to its text.
    private static func parts(_ text: Substring) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var quote: Character?
        for index in text.indices {
            let character = text[index]
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "\"" || character == "'", text[start..<index].allSatisfy({ $0 == " " }) {
                quote = character
            } else if character == "," {
                parts.append(text[start..<index])
                start = text.index(after: index)
            }
        }
        parts.append(text[start...])
        return parts.filter { part in part.contains { $0 != " " } }
    }

    private static func scalar(_ text: Substring, _ number: Int) throws(YAMLError) -> YAMLValue {
        if text.hasPrefix("[") {
            guard text.hasSuffix("]") else { throw YAMLError(line: number, what: "the list isn't closed by ]") }
            var items: [YAMLValue] = []
            for part in parts(text.dropFirst().dropLast()) {
                let trimmed = part.drop { $0 == " " }
                items.append(try scalar(trimmed.prefix { _ in true }.trimmingEnd(), number))
            }
            return YAMLValue(content: .list(items), line: number)
        }
        if let quote = text.first, quote == "\"" || quote == "'" {
            let inner = text.dropFirst().dropLast()
            guard text.count >= 2, text.last == quote, !inner.contains(quote), !inner.contains("\\") else {
                throw YAMLError(line: number, what: "quoted text can't hold \(quote) or \\")
            }
            return YAMLValue(content: .text(String(inner)), line: number)
        }
        if let first = text.first, "{&*!|>%@`".contains(first) {
            throw YAMLError(line: number, what: "\"\(first)\" at the start of a value needs quotes")
        }
        return YAMLValue(content: .text(String(text)), line: number)
    }
}

extension Substring {
    fileprivate func trimmingEnd() -> Substring {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
