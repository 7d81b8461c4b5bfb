// Reader of unified diffs: `git diff`, `git format-patch`, quilt, `diff -u`, `svn diff`.
//
// Anything may stand between files (mail headers, quilt's description, `Index:` lines, a mail signature):
// only the lines that begin a file or a hunk are looked for. Inside a hunk the counts of its `@@` line
// decide, never the look of a line, so that removed lines such as `-- a comment` or `++ x` can't be taken
// for headers. Every number is checked; a diff that ends too early is an error with its line, never a trap.

import Findings

package struct DiffParser {
    private let lines: [ArraySlice<UInt8>]
    private let name: String
    private var position = 0
    private var files: [FileDiff] = []
    private var current: FileDiff?

    /// Reads all files of the diff `bytes`; `name` is used in messages.
    package static func parse(_ bytes: [UInt8], name: String) throws(BuildError) -> [FileDiff] {
        var parser = DiffParser(lines: SourceLines(bytes).lines, name: name)
        return try parser.parseAll()
    }

    private init(lines: [ArraySlice<UInt8>], name: String) {
        self.lines = lines
        self.name = name
    }

    private mutating func parseAll() throws(BuildError) -> [FileDiff] {
        while position < lines.count {
            let line = lines[position]
            if line.starts(with: "diff --git ".utf8) {
                finishFile()
                beginGitFile()
            } else if line.starts(with: "--- ".utf8), followedByPlusHeader {
                try parsePathHeaders()
            } else if line.starts(with: "@@ -".utf8) {
                try parseHunk()
            } else if line.starts(with: "@@@ ".utf8) {
                throw malformed("a combined diff of a merge; take the diff against one parent")
            } else if line.starts(with: "*** ".utf8), isContextDiff {
                throw malformed("a context diff; make it again with diff -u")
            } else {
                parseExtendedHeader()
                position += 1
            }
        }
        finishFile()
        if files.isEmpty { throw malformed("no unified diff in it") }
        return files
    }

    private mutating func finishFile() {
        if let file = current { files.append(file) }
        current = nil
    }

    private func text(_ index: Int) -> String {
        lines.indices.contains(index) ? lines[index].printable : ""
    }

    private var followedByPlusHeader: Bool {
        position + 1 < lines.count && lines[position + 1].starts(with: "+++ ".utf8)
    }

    private var isContextDiff: Bool {
        position + 1 < lines.count && lines[position + 1].starts(with: "--- ".utf8)
            && position + 2 < lines.count && lines[position + 2].starts(with: "***************".utf8)
    }

    func malformed(_ why: String) -> BuildError {
        BuildError(
            .diffMalformed, "\(name) can't be read as a unified diff: \(why)",
            evidence: ["diff": name, "line": "\(position + 1)", "text": String(text(position).prefix(120))])
    }
}

// MARK: - headers

extension DiffParser {
    private mutating func beginGitFile() {
        let names = DiffPath.gitHeaderNames(text(position).dropFirst("diff --git ".count))
        current = FileDiff(
            oldPath: names?.old, newPath: names?.new, isGit: true, renamed: nil, isCopy: false, isBinary: false,
            hunks: [], diffLine: position + 1)
        position += 1
    }

    /// `--- old` and `+++ new`.
    private mutating func parsePathHeaders() throws(BuildError) {
        let old = DiffPath.headerName(text(position).dropFirst(4))
        let new = DiffPath.headerName(text(position + 1).dropFirst(4))
        if old == nil, new == nil { throw malformed("neither --- nor +++ names a file") }
        if var file = current, file.isGit, file.hunks.isEmpty {
            file.oldPath = old
            file.newPath = new
            current = file
        } else {
            finishFile()
            current = FileDiff(
                oldPath: old, newPath: new, isGit: false, renamed: nil, isCopy: false, isBinary: false, hunks: [],
                diffLine: position + 1)
        }
        position += 2
    }

    /// The lines between `diff --git` and the first hunk, and `Binary files ...
    ///
    /// differ` of plain diff.
    private mutating func parseExtendedHeader() {
        let line = text(position)
        if line.hasPrefix("Binary files "), line.hasSuffix(" differ") {
            if current == nil || current?.hunks.isEmpty == false {
                finishFile()
                let names = DiffPath.binaryNames(line)
                current = FileDiff(
                    oldPath: names.old, newPath: names.new, isGit: false, renamed: nil, isCopy: false,
                    isBinary: true, hunks: [], diffLine: position + 1)
                finishFile()
            } else {
                current?.isBinary = true
            }
            return
        }
        guard current?.isGit == true, current?.hunks.isEmpty == true else { return }
        if line == "GIT binary patch" { current?.isBinary = true }
        if line.hasPrefix("new file mode ") { current?.oldPath = nil }
        if line.hasPrefix("deleted file mode ") { current?.newPath = nil }
        for (word, isCopy) in [("rename", false), ("copy", true)] {
            let known = current?.renamed
            if line.hasPrefix("\(word) from ") {
                let from = DiffPath.unquoted(line.dropFirst(word.count + 6))
                current?.renamed = .init(from: from, to: known?.to ?? from)
                current?.isCopy = isCopy
            } else if line.hasPrefix("\(word) to ") {
                let to = DiffPath.unquoted(line.dropFirst(word.count + 4))
                current?.renamed = .init(from: known?.from ?? to, to: to)
            }
        }
    }
}

// MARK: - hunks

extension DiffParser {
    /// One `@@ -a,b +c,d @@` and its body.
    private mutating func parseHunk() throws(BuildError) {
        guard current != nil else { throw malformed("a hunk that belongs to no file") }
        guard let head = HunkHeader(text(position)) else { throw malformed("a damaged @@ line") }
        var hunk = DiffHunk(
            preStart: head.preStart, postStart: head.postStart, lines: [], diffLine: position + 1)
        position += 1
        var (pre, post) = (head.preCount, head.postCount)
        while pre > 0 || post > 0 {
            guard position < lines.count else { throw malformed("it ends in the middle of a hunk") }
            let line = lines[position]
            let kind: DiffHunk.Kind
            switch line.first {
            case UInt8(ascii: " "): kind = .context
            case UInt8(ascii: "-"): kind = .removed
            case UInt8(ascii: "+"): kind = .added
            // Mail programs cut the blank of an empty context line.
            case SourceLines.newline, SourceLines.carriageReturn: kind = .context
            case UInt8(ascii: "\\") where !hunk.lines.isEmpty:
                dropTerminator(&hunk)
                position += 1
                continue
            default: throw malformed("a line in a hunk that begins with none of blank, + and -")
            }
            if kind != .added { pre -= 1 }
            if kind != .removed { post -= 1 }
            guard pre >= 0, post >= 0 else { throw malformed("a hunk with more lines than its @@ line says") }
            let isCut = line.first == SourceLines.newline || line.first == SourceLines.carriageReturn
            hunk.lines.append(.init(kind: kind, text: isCut ? line : line.dropFirst()))
            position += 1
        }
        if position < lines.count, lines[position].first == UInt8(ascii: "\\") {
            dropTerminator(&hunk)
            position += 1
        }
        current?.hunks.append(hunk)
    }

    /// `\ No newline at end of file`: the line before it ends without one.
    private func dropTerminator(_ hunk: inout DiffHunk) {
        guard let last = hunk.lines.indices.last, hunk.lines[last].text.last == SourceLines.newline else { return }
        hunk.lines[last].text = hunk.lines[last].text.dropLast()
    }
}

/// The numbers of an `@@` line.
struct HunkHeader: Equatable {
    var preStart: Int
    var preCount: Int
    var postStart: Int
    var postCount: Int

    /// A hunk larger than any source file is a damaged one; also keeps all sums far from overflow.
    static let largest = 100_000_000

    /// Reads `@@ -a[,b] +c[,d] @@`; nil if it isn't one.
    init?(_ line: String) {
        let words = line.split(separator: " ", omittingEmptySubsequences: true)
        guard words.count >= 4, words[0] == "@@", words[3].hasPrefix("@@"),
            words[1].first == "-", words[2].first == "+",
            let pre = Self.range(words[1].dropFirst()), let post = Self.range(words[2].dropFirst())
        else { return nil }
        (preStart, preCount) = pre
        (postStart, postCount) = post
    }

    private static func range(_ text: Substring) -> (Int, Int)? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count <= 2, let start = number(parts[0]) else { return nil }
        guard parts.count == 2 else { return (start, 1) }
        guard let count = number(parts[1]) else { return nil }
        return (start, count)
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(text),
            value <= largest
        else { return nil }
        return value
    }
}
