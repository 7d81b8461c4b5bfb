/// Path patterns of delegations (TUF 4.5: PATHPATTERN).
///
/// Shell-like: `*` any run, `?` any one character, `[a-z]` and `[!a-z]` one of a set. No wildcard matches a
/// `/`, so pattern and path need the same number of components. The matcher walks both with one point of
/// return (the latest `*`), so hostile patterns cost at most length times length, never more.
public enum PathPattern {
    /// Whether `path` matches `pattern`.
    public static func matches(_ path: String, _ pattern: String) -> Bool {
        guard beginsAlike(path, pattern) else { return false }
        let slash: Unicode.Scalar = "/"
        let parts = Array(path.unicodeScalars).split(separator: slash, omittingEmptySubsequences: false)
        let patterns = Array(pattern.unicodeScalars).split(separator: slash, omittingEmptySubsequences: false)
        guard parts.count == patterns.count else { return false }
        return zip(parts, patterns).allSatisfy { component($0, $1) }
    }

    /// Whether the bytes before the first wildcard are the same: a quick answer for most pairs.
    private static func beginsAlike(_ path: String, _ pattern: String) -> Bool {
        let text = path.utf8Span.span
        let rule = pattern.utf8Span.span
        for index in rule.indices {
            let byte = rule[index]
            if byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "[") { return true }
            guard index < text.count, text[index] == byte else { return false }
        }
        return text.count == rule.count
    }

    private typealias Text = ArraySlice<Unicode.Scalar>

    private static func component(_ text: Text, _ pattern: Text) -> Bool {
        var at = text.startIndex
        var rule = pattern.startIndex
        var star: (rule: Int, at: Int)?
        while at < text.endIndex {
            if rule < pattern.endIndex, pattern[rule] == "*" {
                star = (rule, at)
                rule += 1
            } else if let next = step(text[at], pattern, rule) {
                at += 1
                rule = next
            } else if let (starRule, starAt) = star {
                // Let the latest star swallow one character more.
                star = (starRule, starAt + 1)
                at = starAt + 1
                rule = starRule + 1
            } else {
                return false
            }
        }
        return pattern[rule...].allSatisfy { $0 == "*" }
    }

    /// The place behind the rule at `rule` if that rule accepts the character.
    private static func step(_ character: Unicode.Scalar, _ pattern: Text, _ rule: Int) -> Int? {
        guard rule < pattern.endIndex else { return nil }
        switch pattern[rule] {
        case "?": return rule + 1
        case "[":
            guard let set = CharacterRange.parse(pattern, at: rule) else {
                return character == "[" ? rule + 1 : nil
            }
            return set.contains(character) ? set.end : nil
        default: return pattern[rule] == character ? rule + 1 : nil
        }
    }

    /// A bracket expression.
    private struct CharacterRange {
        var ranges: [(Unicode.Scalar, Unicode.Scalar)] = []
        var isInverted = false
        var end = 0

        /// Reads from a `[`; `nil` if it is never closed, and then it is an ordinary character.
        static func parse(_ pattern: Text, at start: Int) -> CharacterRange? {
            var set = CharacterRange()
            var index = start + 1
            if index < pattern.endIndex, pattern[index] == "!" {
                set.isInverted = true
                index += 1
            }
            let first = index
            // A `]` in first place is an ordinary member.
            while index < pattern.endIndex, pattern[index] != "]" || index == first {
                if index + 2 < pattern.endIndex, pattern[index + 1] == "-", pattern[index + 2] != "]" {
                    set.ranges.append((pattern[index], pattern[index + 2]))
                    index += 3
                } else {
                    set.ranges.append((pattern[index], pattern[index]))
                    index += 1
                }
            }
            guard index < pattern.endIndex else { return nil }
            set.end = index + 1
            return set
        }

        func contains(_ character: Unicode.Scalar) -> Bool {
            ranges.contains { $0.0 <= character && character <= $0.1 } != isInverted
        }
    }
}
