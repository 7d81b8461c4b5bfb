// The names that a header defines, chunk by chunk.
//
// A chunk is a piece of text at the outermost level: a macro with its continuation lines, or everything up to a
// `;` or a closing brace outside of other braces. Which names it defines is told by its shape:
//
//     #define NAME...                     NAME
//     struct NAME { ... };                NAME (and whatever stands behind the brace)
//     enum NAME { A, B = 2 };             NAME, A, B
//     static inline int NAME(...) {...}   NAME
//     extern int NAME[4];                 NAME
//
// Nothing is parsed beyond that. When in doubt a chunk defines more names, never fewer: then a few more files are
// compiled, and come out unchanged.

enum HeaderNames {
    /// Names of the chunks that two versions of a header don't share.
    ///
    /// - Parameter after: may be stabilised; its `#line` directives, in the middle of any chunk, are no part of it.
    static func touched(_ before: String, _ after: String) -> Set<String> {
        let plain = after.split(separator: "\n", omittingEmptySubsequences: false).filter {
            !$0.hasPrefix("#line ")
        }
        let (old, new) = (chunks(before), chunks(plain.joined(separator: "\n")))
        let common = Set(old.map(\.key)).intersection(new.map(\.key))
        return Set((old + new).filter { !common.contains($0.key) }.flatMap { defined(by: $0.words) })
    }

    /// Names of the chunks that mention one of `names`.
    static func defining(_ names: Set<String>, in text: String) -> Set<String> {
        var found: Set<String> = []
        for chunk in chunks(text) where chunk.words.contains(where: names.contains) {
            found.formUnion(defined(by: chunk.words))
        }
        return found
    }

    /// A piece of a header: its words, and all of them as one text.
    struct Chunk: Equatable {
        var words: [String]
        var key: String { words.joined(separator: " ") }
    }

    /// Cuts a text.
    static func chunks(_ text: String) -> [Chunk] {
        var chunks: [Chunk] = []
        var words: [String] = []
        var depth = 0
        func isEnd(_ word: String) -> Bool { word == ";" || word == "}" }
        for word in Tokens(text) {
            if word == "\n" {
                // The end of a preprocessor line that started a chunk.
                if words.first == "#" {
                    chunks.append(Chunk(words: words))
                    words = []
                }
                continue
            }
            if words.first != "#" {
                if word == "#", depth == 0, !words.isEmpty {
                    chunks.append(Chunk(words: words))
                    words = []
                }
                if word == "{" { depth += 1 }
                if word == "}" { depth = max(0, depth - 1) }
            }
            words.append(word)
            if words.first != "#", depth == 0, isEnd(word) {
                chunks.append(Chunk(words: words))
                words = []
            }
        }
        if !words.isEmpty { chunks.append(Chunk(words: words)) }
        return chunks
    }

    /// The names that a chunk defines.
    static func defined(by words: [String]) -> Set<String> {
        if words.first == "#" {
            return words.count > 2 && (words[1] == "define" || words[1] == "undef") ? [words[2]] : []
        }
        if let brace = words.firstIndex(of: "{") {
            let head = words[..<brace]
            if head.contains("enum") { return Set(words.filter(isName)) }
            if let call = head.firstIndex(of: "(") { return names(before: call, in: words) }
            return Set(head.filter(isName)).union(words.reversed().prefix { $0 != "}" }.filter(isName))
        }
        if let call = words.firstIndex(of: "(") { return names(before: call, in: words) }
        return Set(words.filter(isName))
    }

    private static func names(before call: Int, in words: [String]) -> Set<String> {
        // A macro that makes a definition, `DECLARE_X(name, ...)`, defines by its arguments.
        let before = words[..<call].last { isName($0) }
        let isMacro = before.map { $0.uppercased() == $0 } ?? true
        return Set((isMacro ? Array(words) : [before].compactMap { $0 }).filter(isName))
    }

    private static let keywords: Set<String> = [
        "static", "inline", "extern", "const", "volatile", "struct", "union", "enum", "int", "long", "short",
        "char",
        "unsigned", "signed", "void", "return", "if", "else", "for", "while", "do", "switch", "case", "default",
        "break", "continue", "goto", "sizeof", "typedef", "bool", "u8", "u16", "u32", "u64", "s8", "s16", "s32",
        "s64",
        "__always_inline", "__init", "__must_check", "size_t", "ssize_t", "__u8", "__u16", "__u32", "__u64",
    ]

    private static func isName(_ word: String) -> Bool {
        word.utf8.first?.beginsWord == true && !keywords.contains(word)
    }
}

/// Words, signs and line ends of C; comments, strings and continued lines taken out.
private struct Tokens: Sequence, IteratorProtocol {
    private let bytes: [UInt8]
    private var at = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    mutating func next() -> String? {
        while at < bytes.count {
            let byte = bytes[at]
            if byte.isInWord { return word() }
            at += 1
            switch byte {
            case 0x0a: return "\n"
            case 0x20, 0x09, 0x0d, 0x0c: continue
            case 0x5c where at < bytes.count && bytes[at] == 0x0a: at += 1
            case 0x2f where at < bytes.count && bytes[at] == 0x2a: skipComment()
            case 0x2f where at < bytes.count && bytes[at] == 0x2f:
                while at < bytes.count, bytes[at] != 0x0a { at += 1 }
            case 0x22, 0x27: return string(byte)
            default: return String(UnicodeScalar(byte))
            }
        }
        return nil
    }

    private mutating func word() -> String {
        let start = at
        while at < bytes.count, bytes[at].isInWord { at += 1 }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func skipComment() {
        at += 1
        while at + 1 < bytes.count, !(bytes[at] == 0x2a && bytes[at + 1] == 0x2f) { at += 1 }
        at = Swift.min(at + 2, bytes.count)
    }

    private mutating func string(_ quote: UInt8) -> String {
        let start = at
        while at < bytes.count, bytes[at] != quote, bytes[at] != 0x0a { at += bytes[at] == 0x5c ? 2 : 1 }
        at = Swift.min(at + 1, bytes.count)
        return String(decoding: bytes[Swift.min(start, at)..<at], as: UTF8.self)
    }
}
