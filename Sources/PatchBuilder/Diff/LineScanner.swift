// Where in a C or C++ file may a preprocessor directive stand?
//
// A directive is only one at the beginning of a line, and a line is only the beginning of anything if nothing
// from the line before is still open: a backslash continuation, a block comment, a string (raw strings span
// lines), or the argument list of a macro call. Nobody can tell a macro call from a function call without
// expanding everything, so every open parenthesis counts. Branches of `#if` are walked one after the other,
// each from the parentheses that were open at its `#if`: a call whose first half is written twice, once per
// branch, is still open once. Branches that disagree (one is prose, or for another language) leave the fewest
// open: compilers take a misplaced #line in a macro call with a shrug, a missing one moves the rest of the file.
// Should the count go astray, a `}` in the first column closes everything: no argument list reaches beyond the end
// of its function.
//
// The scanner never fails: broken code gives some answer, and the compiler complains as it would have anyway.

/// What is known at the beginning of one line.
struct LineContext: Equatable, Sendable {
    /// A directive may be put in front of this line.
    var isLegalPlace: Bool
    /// The line is a directive of the file itself.
    var directive: Directive?
    /// How many `#if` groups are open in front of it.
    var conditionals: Int

    /// Directives that the stabiliser cares about.
    enum Directive: Equatable, Sendable {
        case opensGroup
        case nextGroup
        case closesGroup
        /// `#line` or `# 12 "file"`: number of the following line, and the name with quotes if given.
        case line(Int, name: String?)
        case other
    }
}

struct LineScanner {
    /// What is open across lines.
    private enum Mode: Equatable {
        case code
        case blockComment
        case lineComment
        case text(UInt8)
        case raw(closing: [UInt8])
    }

    /// One open `#if`.
    private struct Group {
        var depthAtStart: Int
        /// The fewest parentheses that a branch left open.
        var shallowestBranch: Int?
        /// The branch under way is `#if 0`.
        var isDead: Bool
        /// One of its branches is compiled in any case.
        var hasElse = false

        mutating func endBranch(_ depth: Int) {
            if !isDead { shallowestBranch = min(shallowestBranch ?? depth, depth) }
            isDead = false
        }
    }

    private var mode = Mode.code
    private var continued = false
    private var inDirective = false
    private var depth = 0
    private var groups: [Group] = []
    private var lastWasIdentifier = false

    /// The context of each line.
    static func contexts(of source: SourceLines) -> [LineContext] {
        var scanner = LineScanner()
        return source.lines.map { scanner.next($0) }
    }

    private mutating func next(_ line: ArraySlice<UInt8>) -> LineContext {
        let body = line.withoutTerminator
        let first = body.first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }
        let fresh = mode == .code && !continued
        if fresh {
            inDirective = false
            if body.first == UInt8(ascii: "}") { depth = 0 }
        }
        var context = LineContext(isLegalPlace: false, directive: nil, conditionals: groups.count)
        context.isLegalPlace =
            fresh && depth == 0 && !(lastWasIdentifier && first == UInt8(ascii: "("))
        if fresh, first == UInt8(ascii: "#") {
            inDirective = true
            context.directive = directive(body)
        }
        scan(body)
        if let directive = context.directive { close(directive, body) }
        return context
    }
}

// MARK: - tokens

extension LineScanner {
    /// Walks one physical line and leaves what stays open behind it.
    private mutating func scan(_ body: ArraySlice<UInt8>) {
        let trimmed = body.reversed().drop { $0 == 32 || $0 == 9 }
        continued = trimmed.first == UInt8(ascii: "\\")
        let end = continued ? body.startIndex + trimmed.count - 1 : body.endIndex
        var rest = body[body.startIndex..<max(body.startIndex, end)]
        while let byte = rest.first {
            switch mode {
            case .blockComment: skip(&rest, past: [UInt8(ascii: "*"), UInt8(ascii: "/")])
            case .raw(let closing): skip(&rest, past: closing)
            case .lineComment: rest = rest[rest.endIndex...]
            case .text(let quote): skipText(&rest, quote)
            case .code: code(byte, &rest)
            }
        }
        // An open quote at the end of a line is an error or prose in a dead group; a comment ends there.
        if !continued {
            switch mode {
            case .lineComment, .text: mode = .code
            default: break
            }
        }
    }

    private mutating func skip(_ rest: inout ArraySlice<UInt8>, past closing: [UInt8]) {
        while !rest.isEmpty {
            if rest.starts(with: closing) {
                rest = rest.dropFirst(closing.count)
                mode = .code
                return
            }
            rest.removeFirst()
        }
    }

    private mutating func skipText(_ rest: inout ArraySlice<UInt8>, _ quote: UInt8) {
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\") { _ = rest.popFirst() }
            if byte == quote {
                mode = .code
                return
            }
        }
    }

    private mutating func code(_ byte: UInt8, _ rest: inout ArraySlice<UInt8>) {
        let second = rest.dropFirst().first
        switch byte {
        case 32, 9, 11, 12, 13: rest.removeFirst()
        case UInt8(ascii: "/") where second == UInt8(ascii: "*"):
            mode = .blockComment
            rest = rest.dropFirst(2)
        case UInt8(ascii: "/") where second == UInt8(ascii: "/"):
            mode = .lineComment
            rest = rest.dropFirst(2)
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            mode = .text(byte)
            note(identifier: false)
            rest.removeFirst()
        case UInt8(ascii: "("):
            if !inDirective { depth += 1 }
            note(identifier: false)
            rest.removeFirst()
        case UInt8(ascii: ")"):
            if !inDirective { depth = max(0, depth - 1) }
            note(identifier: false)
            rest.removeFirst()
        case _ where Self.isWord(byte): word(&rest)
        default:
            note(identifier: false)
            rest.removeFirst()
        }
    }

    private mutating func note(identifier: Bool) {
        if !inDirective { lastWasIdentifier = identifier }
    }

    /// An identifier or number.
    ///
    /// A raw string's prefix ends in `R"`; digit separators belong to the number.
    private mutating func word(_ rest: inout ArraySlice<UInt8>) {
        let isNumber = rest.first.map { (48...57).contains($0) } ?? false
        var word: [UInt8] = []
        while let byte = rest.first {
            let separates =
                isNumber && byte == UInt8(ascii: "'") && (rest.dropFirst().first.map(Self.isWord) ?? false)
            guard Self.isWord(byte) || separates else { break }
            word.append(byte)
            rest.removeFirst()
        }
        note(identifier: !isNumber)
        let isRaw = [[82], [76, 82], [117, 82], [85, 82], [117, 56, 82]].contains(word)
        guard isRaw, rest.first == UInt8(ascii: "\"") else { return }
        let delimiter = rest.dropFirst().prefix { $0 != UInt8(ascii: "(") }
        guard delimiter.count <= 16, rest.dropFirst(1 + delimiter.count).first == UInt8(ascii: "(") else { return }
        rest = rest.dropFirst(2 + delimiter.count)
        mode = .raw(closing: [UInt8(ascii: ")")] + delimiter + [UInt8(ascii: "\"")])
        note(identifier: false)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
            || byte == 36 || byte >= 128
    }
}

// MARK: - directives

extension LineScanner {
    private func directive(_ body: ArraySlice<UInt8>) -> LineContext.Directive {
        let words = Self.directiveWords(body)
        switch words.first {
        case "if", "ifdef", "ifndef": return .opensGroup
        case "else", "elif", "elifdef", "elifndef": return .nextGroup
        case "endif": return .closesGroup
        case "line":
            return words.count > 1 ? Self.lineDirective(words[1], body) : .other
        case .some(let word) where word.allSatisfy(\.isNumber): return Self.lineDirective(word, body)
        default: return .other
        }
    }

    private static func directiveWords(_ body: ArraySlice<UInt8>) -> [Substring] {
        String(decoding: body, as: UTF8.self).drop { $0 != "#" }.dropFirst()
            .split(maxSplits: 2) { $0 == " " || $0 == "\t" || $0 == "\"" || $0 == "(" }
    }

    private static func lineDirective(_ number: Substring, _ body: ArraySlice<UInt8>) -> LineContext.Directive {
        guard number.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(number), value < 1 << 31 else {
            return .other
        }
        var name: String?
        if let open = body.firstIndex(of: UInt8(ascii: "\"")),
            let close = body.lastIndex(of: UInt8(ascii: "\"")), close > open
        {
            name = String(decoding: body[open...close], as: UTF8.self)
        }
        return .line(value, name: name)
    }

    /// Keeps the parentheses of `#if` branches apart.
    private mutating func close(_ directive: LineContext.Directive, _ body: ArraySlice<UInt8>) {
        switch directive {
        case .opensGroup:
            let words = Self.directiveWords(body)
            let isDead = words.count == 2 && words[0] == "if" && words[1] == "0"
            groups.append(.init(depthAtStart: depth, shallowestBranch: nil, isDead: isDead))
        case .nextGroup:
            guard var group = groups.popLast() else { return }
            group.endBranch(depth)
            group.hasElse = Self.directiveWords(body).first == "else"
            depth = group.depthAtStart
            groups.append(group)
        case .closesGroup:
            guard var group = groups.popLast() else { return }
            group.endBranch(depth)
            if !group.hasElse { group.endBranch(group.depthAtStart) }
            depth = group.shallowestBranch ?? group.depthAtStart
        case .line, .other: break
        }
    }
}
