// A file that a configure script made from a template, `foo.h` from `foo.h.in`: the same lines with `@NAME@` replaced,
// or, behind a first line that says "Generated from", with each `#undef` decided (Autoconf's AC_CONFIG_HEADERS).
//
// A diff of the template is a diff of the file as long as it adds no line with a placeholder in it: what the script
// would put there is known to the script alone.

/// Edits of configured files.
enum ConfiguredFile {
    /// The made file after the template's edit; nil if it isn't the template with placeholders filled in, or if the
    /// edit touches a placeholder.
    static func edited(_ made: SourceLines, template pre: SourceLines, _ post: TrackedText) -> TrackedText? {
        let isHeader = made.lines.first?.printable.contains("Generated from") ?? false
        func isDecided(_ line: ArraySlice<UInt8>) -> Bool {
            hasPlaceholder(line) || (isHeader && isUndefinition(line))
        }
        let head = isHeader ? 1 : 0
        guard let places = align(made.lines, from: head, pre.lines, isDecided) else { return nil }
        var text = TrackedText(made)
        let lines = text.lines
        text.lines = Array(lines[..<head])
        for line in post.lines {
            if let origin = line.origin, places.indices.contains(origin) {
                text.lines += lines[places[origin]]
            } else if isDecided(line.text) {
                return nil
            } else {
                text.lines.append(line)
            }
        }
        return text
    }

    /// The made lines of each line of the template: one, but none or several for a placeholder.
    private static func align(
        _ made: [ArraySlice<UInt8>], from head: Int, _ template: [ArraySlice<UInt8>],
        _ isDecided: (ArraySlice<UInt8>) -> Bool
    ) -> [Range<Int>]? {
        var places: [Range<Int>] = []
        var at = head
        var index = 0
        while index < template.count {
            if at < made.count, made[at] == template[index] {
                places.append(at..<at + 1)
                (at, index) = (at + 1, index + 1)
                continue
            }
            guard isDecided(template[index]) else { return nil }
            var next = index
            while next < template.count, isDecided(template[next]) { next += 1 }
            // Up to the next line that is only copied.
            let end = next == template.count ? made.count : made[at...].firstIndex(of: template[next])
            guard let end else { return nil }
            let count = next - index
            for line in 0..<count {
                if end - at == count {
                    places.append(at + line..<at + line + 1)
                } else {
                    places.append(line == 0 ? at..<end : end..<end)
                }
            }
            (at, index) = (end, next)
        }
        return at == made.count ? places : nil
    }

    /// Whether a line holds `@NAME@`.
    static func hasPlaceholder(_ line: ArraySlice<UInt8>) -> Bool {
        var length: Int?
        for byte in line {
            if byte == UInt8(ascii: "@") {
                if let length, length > 0 { return true }
                length = 0
            } else if let known = length {
                length = isName(byte) ? known + 1 : nil
            }
        }
        return false
    }

    /// Whether a line is `#undef NAME`.
    private static func isUndefinition(_ line: ArraySlice<UInt8>) -> Bool {
        let text = line.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
        return text.starts(with: Array("#undef".utf8))
    }

    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
