// What a unified diff says, file by file, before anything is known about the tree.

/// One hunk: a run of lines, and what becomes of them.
struct DiffHunk: Equatable, Sendable {
    /// Line kinds of a hunk's body.
    enum Kind: Equatable, Sendable { case context, removed, added }

    /// One line of the body, with terminator unless the diff says that there is none.
    struct Line: Equatable, Sendable {
        var kind: Kind
        var text: ArraySlice<UInt8>
    }

    /// First line before, from 1; 0 with `preCount` 0 for an empty file.
    var preStart: Int
    /// First line after, from 1.
    var postStart: Int
    /// The body.
    var lines: [Line]
    /// Line of the diff where the hunk begins, from 1.
    var diffLine: Int

    /// The text before, as the tree should have it.
    var preLines: [ArraySlice<UInt8>] { lines.filter { $0.kind != .added }.map(\.text) }
    /// The text after.
    var postLines: [ArraySlice<UInt8>] { lines.filter { $0.kind != .removed }.map(\.text) }
    /// Unchanged lines in front of the first change.
    var leadingContext: Int { lines.prefix { $0.kind == .context }.count }
    /// Unchanged lines behind the last change.
    var trailingContext: Int { lines.reversed().prefix { $0.kind == .context }.count }
}

/// All that one diff does to one file.
package struct FileDiff: Equatable, Sendable {
    /// Path before, as written in the diff, prefix and all; nil for a new file.
    var oldPath: String?
    /// Path after; nil for a removed file.
    var newPath: String?
    /// Paths written by `git`: `a/` and `b/` in front, and `rename` lines without them.
    var isGit: Bool
    /// Old and new name of a rename or copy, without prefix.
    var renamed: Rename?
    /// True if the old file stays (a copy).
    var isCopy: Bool
    /// True for `GIT binary patch` and `Binary files differ`.
    var isBinary: Bool
    /// The hunks in order.
    var hunks: [DiffHunk]
    /// Line of the diff where this file begins, from 1.
    var diffLine: Int

    /// Any name of the file, for messages.
    var anyPath: String { newPath ?? oldPath ?? renamed?.to ?? "?" }

    /// Both names of a rename or copy.
    struct Rename: Equatable, Sendable {
        var from: String
        var to: String
    }
}
