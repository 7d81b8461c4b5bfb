// Which lines of a C or C++ file belong to which function, from the text alone.
//
// No debug information is needed, and none would tell of code that the preprocessor left out. The scanner
// knows comments, literals and preprocessor lines; at the outermost level it watches for
//
//     NAME ( ... ) [K&R declarations] { ... }
//
// and takes NAME as a function from the first token of its declaration to the closing brace. The branches of
// `#if` each start at the nesting depth of the `#if`, so that two opening braces for one closing one do no
// harm. A function whose head is a macro goes by the macro's name; that only makes a report less precise.

/// A function in a source text.
package struct SourceFunction: Sendable, Equatable {
    /// Its name in the source.
    package var name: String
    /// Lines from 1.
    package var lines: ClosedRange<Int>
}

/// The scanner.
struct SourceFunctionScanner {
    private let text: [UInt8]
    private var at = 0
    private var line = 1
    private var depth = 0
    private var parentheses = 0
    private var depths: [Int] = []
    private var functions: [SourceFunction] = []
    /// Last identifier at the outermost level.
    private var identifier = ""
    /// Name of the declarator whose parameter list was closed last.
    private var candidate: String?
    /// What stood before the current token at the outermost level.
    private var previous: UInt8 = 0
    private var declarationLine: Int?
    private var body: (name: String, start: Int)?

    /// All functions of a text, in order.
    static func functions(in text: [UInt8]) -> [SourceFunction] {
        var scanner = SourceFunctionScanner(text: text)
        scanner.scan()
        return scanner.functions
    }

    private init(text: [UInt8]) { self.text = text }

    private func peek(_ distance: Int = 0) -> UInt8 { at + distance < text.count ? text[at + distance] : 0 }

    private mutating func advance() {
        if peek() == 0x0a { line += 1 }
        at += 1
    }

    private mutating func scan() {
        var isLineStart = true
        while at < text.count {
            let byte = peek()
            switch byte {
            case 0x0a:
                advance()
                isLineStart = true
                continue
            case 0x20, 0x09, 0x0d, 0x0c:
                advance()
                continue
            case UInt8(ascii: "#") where isLineStart: directive()
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"): skipLine()
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"): skipComment()
            case UInt8(ascii: "\""), UInt8(ascii: "'"): skipLiteral(byte)
            default: token(byte)
            }
            isLineStart = false
        }
    }

    private mutating func skipLine() {
        while at < text.count, peek() != 0x0a {
            if peek() == UInt8(ascii: "\\") { advance() }
            if at < text.count { advance() }
        }
    }

    private mutating func skipComment() {
        at += 2
        while at < text.count, !(peek() == UInt8(ascii: "*") && peek(1) == UInt8(ascii: "/")) { advance() }
        at += 2
    }

    private mutating func skipLiteral(_ quote: UInt8) {
        advance()
        while at < text.count, peek() != quote, peek() != 0x0a {
            if peek() == UInt8(ascii: "\\") { advance() }
            if at < text.count { advance() }
        }
        if peek() == quote { advance() }
        previous = quote
    }

    /// A preprocessor line; conditionals keep the depth of their branches equal.
    private mutating func directive() {
        at += 1
        while peek() == 0x20 || peek() == 0x09 { at += 1 }
        let word = takeWord()
        switch word {
        case "if", "ifdef", "ifndef": depths.append(depth)
        case "else", "elif": depth = depths.last ?? depth
        case "endif": _ = depths.popLast()
        default: break
        }
        skipLine()
    }

    private mutating func takeWord() -> String {
        let start = at
        while Self.isIdentifier(peek()) { at += 1 }
        return String(decoding: text[start..<at], as: UTF8.self)
    }

    private static func isIdentifier(_ byte: UInt8) -> Bool {
        byte.isInWord || byte >= 0x80
    }

    private mutating func token(_ byte: UInt8) {
        if depth == 0, declarationLine == nil { declarationLine = line }
        if Self.isIdentifier(byte) {
            let word = takeWord()
            if depth == 0 { outerWord(word) }
            return
        }
        advance()
        switch byte {
        case UInt8(ascii: "{"): openBrace()
        case UInt8(ascii: "}"): closeBrace()
        case UInt8(ascii: "(") where depth == 0:
            if parentheses == 0, Self.isIdentifier(previous) { candidate = identifier }
            parentheses += 1
        case UInt8(ascii: ")") where depth == 0: parentheses = max(parentheses - 1, 0)
        case UInt8(ascii: ";") where depth == 0 && parentheses == 0:
            // Behind a parameter list this ends a prototype; behind a word, perhaps a K&R declaration.
            if previous == UInt8(ascii: ")") { candidate = nil }
            if candidate == nil { declarationLine = nil }
        case UInt8(ascii: "=") where depth == 0 && parentheses == 0: candidate = nil
        default: break
        }
        if depth == 0 { previous = byte }
    }

    private mutating func outerWord(_ word: String) {
        if parentheses == 0 {
            if ["typedef", "extern", "static", "namespace"].contains(word), candidate != nil {
                candidate = nil
                declarationLine = line
            }
            // Attributes and qualifiers behind the parameters don't name anything.
            if !["const", "override", "final", "noexcept", "__attribute__", "__declspec", "throw"].contains(word) {
                identifier = word
                previous = 0x61
            }
        }
    }

    private mutating func openBrace() {
        if depth == 0 {
            let isBody = candidate != nil && (previous == UInt8(ascii: ")") || previous == UInt8(ascii: ";"))
            if isBody, let name = candidate {
                body = (name, declarationLine ?? line)
            } else if identifier == "C" || previous == UInt8(ascii: "\"") || identifier == "namespace" {
                // extern "C" { and namespace { hold declarations of the outermost level.
                declarationLine = nil
                candidate = nil
                return
            }
            candidate = nil
        }
        depth += 1
    }

    private mutating func closeBrace() {
        guard depth > 0 else { return }
        depth -= 1
        guard depth == 0 else { return }
        if let found = body {
            functions.append(SourceFunction(name: found.name, lines: min(found.start, line)...line))
            body = nil
            declarationLine = nil
        }
        previous = UInt8(ascii: "}")
    }
}
