// Several diffs, applied in order to a tree that is only read.
//
// The strip level of each diff (`-p0`, `-p1`, ...) is found out by looking which one makes all edited files
// exist. Files are read through a closure, so that the whole of it is a pure function in tests.

import Findings

/// One file, before and after all diffs.
struct AppliedFile: Equatable, Sendable {
    /// Path relative to the tree; before the diff if it was removed.
    var path: String
    /// Path before, if the file was renamed or copied.
    var oldPath: String?
    /// Text before; nil for a new file.
    var pre: SourceLines?
    /// Text after, with tracks to `pre`; nil for a removed file.
    var post: TrackedText?

    /// What happened to it.
    var change: StabilisedFile.Change {
        if pre == nil { return .added }
        if post == nil { return .removed }
        return oldPath == nil ? .edited : .renamed
    }
}

/// The state of a tree while diffs are applied to it.
struct AppliedTree {
    /// Bytes of a regular file of the tree; nil if there is none at that path.
    typealias Reader = (_ path: String) throws(BuildError) -> [UInt8]?

    private let reader: Reader
    private var files: [String: AppliedFile] = [:]
    /// Position shifts and the like, in order.
    private(set) var notes: [String] = []
    private var appliedAlready: [String] = []
    private var applied = 0

    /// A tree without changes.
    init(reader: @escaping Reader) { self.reader = reader }

    /// The files that differ from the tree after all diffs, sorted by path.
    ///
    /// - Throws: `BLD-DIFF-APPLIED` if every hunk of every diff was in the tree already.
    func finish() throws(BuildError) -> [AppliedFile] {
        if applied == 0, !appliedAlready.isEmpty {
            throw BuildError(
                .diffApplied, "the tree has this change already",
                evidence: ["files": appliedAlready.sorted().joined(separator: ", ")])
        }
        if let file = appliedAlready.first {
            throw BuildError(
                .diffConflict, "part of the change is in the tree already",
                evidence: ["already applied": appliedAlready.sorted().joined(separator: ", "), "file": file])
        }
        return files.values.compactMap(Self.settled).sorted { $0.path < $1.path }
    }

    private static func settled(_ file: AppliedFile) -> AppliedFile? {
        var file = file
        if let pre = file.pre, var post = file.post {
            post.settle(against: pre)
            file.post = post
            if file.oldPath == nil, post.source == pre { return nil }
        }
        return file.pre == nil && file.post == nil ? nil : file
    }

    /// Applies all files of one diff.
    mutating func apply(_ diffs: [FileDiff], name: String) throws(BuildError) {
        if let binary = diffs.first(where: { $0.isBinary }) {
            throw BuildError(
                .diffBinary, "\(name) changes a binary file", evidence: ["file": binary.anyPath, "diff": name])
        }
        for path in diffs.flatMap({ [$0.oldPath, $0.newPath].compactMap { $0 } }) {
            try DiffPath.checkDescent(path, diff: name)
        }
        let level = try stripLevel(of: diffs, name: name)
        for diff in diffs {
            let old = try path(of: diff, \.oldPath, \.from, level, name)
            let new = try path(of: diff, \.newPath, \.to, level, name)
            try apply(diff, old: old, new: new, name: name)
        }
    }

    private func path(
        of diff: FileDiff, _ side: KeyPath<FileDiff, String?>,
        _ renamed: KeyPath<FileDiff.Rename, String>, _ level: Int, _ name: String
    ) throws(BuildError) -> String? {
        if let names = diff.renamed { return try DiffPath.checked(names[keyPath: renamed], diff: name) }
        guard let full = diff[keyPath: side] else { return nil }
        guard let stripped = DiffPath.stripped(full, level) else {
            throw BuildError(
                .diffConflict, "\(name) names a file that isn't in the tree", evidence: ["file": full])
        }
        return try DiffPath.checked(stripped, diff: name)
    }

    /// The file at `path` as it is now; nil if there is none.
    private func current(_ path: String) throws(BuildError) -> AppliedFile? {
        if let file = files[path] { return file.post == nil ? nil : file }
        guard let bytes = try reader(path) else { return nil }
        let lines = SourceLines(bytes)
        return AppliedFile(path: path, oldPath: nil, pre: lines, post: TrackedText(lines))
    }
}

// MARK: - strip level

extension AppliedTree {
    /// How many leading components to take off, so that the files that the diff edits are there.
    private func stripLevel(of diffs: [FileDiff], name: String) throws(BuildError) -> Int {
        let edited = diffs.filter { $0.renamed == nil && ($0.oldPath != nil || $0.newPath != nil) }
        guard !edited.isEmpty else { return 1 }
        let isGit = edited.allSatisfy { $0.isGit } || edited.allSatisfy(Self.hasGitPrefix)
        var best = (found: -1, level: isGit ? 1 : 0)
        for level in isGit ? [1, 0, 2, 3, 4, 5] : Array(0...8) {
            var found = 0
            for diff in edited where try exists(diff, level) { found += 1 }
            if found > best.found { best = (found, level) }
            if found == edited.count { break }
        }
        if best.found <= 0, let diff = edited.first(where: { $0.oldPath != nil && $0.newPath != nil }) {
            throw BuildError(
                .diffConflict, "\(name) edits a file that isn't in the tree",
                evidence: ["file": diff.anyPath, "diff": name, "line": "\(diff.diffLine)"])
        }
        return best.level
    }

    private static func hasGitPrefix(_ diff: FileDiff) -> Bool {
        (diff.oldPath?.hasPrefix("a/") ?? true) && (diff.newPath?.hasPrefix("b/") ?? true)
    }

    /// Whether the file, or for a new one some folder on its way, is in the tree at this strip level.
    private func exists(_ diff: FileDiff, _ level: Int) throws(BuildError) -> Bool {
        for path in [diff.oldPath, diff.newPath].compactMap({ $0 }) {
            guard let stripped = DiffPath.stripped(path, level),
                let safe = try? DiffPath.checked(stripped, diff: "")
            else { continue }
            if try current(safe) != nil { return true }
        }
        return false
    }
}

// MARK: - one file

extension AppliedTree {
    private mutating func apply(
        _ diff: FileDiff, old: String?, new: String?, name: String
    ) throws(BuildError) {
        // Plain diffs may name `foo.c.orig` and `foo.c`: the name after is meant if there is such a file.
        var source = old
        if diff.renamed == nil, let new, try current(new) != nil { source = new }
        if diff.newPath == nil { return try remove(diff, path: old ?? "", name: name) }
        guard let target = new else { return }
        guard let path = source, let file = try current(path) else {
            return try add(diff, path: target, name: name)
        }
        if diff.oldPath == nil { return try addAgain(diff, file, name: name) }
        try edit(diff, file, target: diff.renamed == nil ? path : target, name: name)
    }

    private mutating func edit(
        _ diff: FileDiff, _ file: AppliedFile, target: String, name: String
    ) throws(BuildError) {
        guard let text = file.post else { return }
        let hunks = Self.matchingLineEnds(diff.hunks, text)
        let applier = HunkApplier(path: file.path, diff: name)
        let result: (TrackedText, shifts: [Int])
        do {
            result = try applier.apply(hunks, to: text)
        } catch {
            guard HunkApplier.isApplied(hunks, in: text), !hunks.isEmpty else { throw error }
            appliedAlready.append(file.path)
            return
        }
        applied += 1
        for (index, shift) in result.shifts.enumerated() where shift != 0 {
            let way = shift > 0 ? "later" : "earlier"
            notes.append("\(file.path): hunk \(index + 1) found \(abs(shift)) lines \(way)")
        }
        var changed = file
        changed.post = result.0
        if target != file.path {
            changed.oldPath = file.oldPath ?? file.path
            changed.path = target
            if !diff.isCopy { files[file.path] = removal(of: file) }
        }
        files[target] = changed
    }

    private func removal(of file: AppliedFile) -> AppliedFile {
        AppliedFile(path: file.path, oldPath: nil, pre: file.pre, post: nil)
    }

    private mutating func remove(_ diff: FileDiff, path: String, name: String) throws(BuildError) {
        guard let file = try current(path), let text = file.post else {
            appliedAlready.append(path)
            return
        }
        let hunks = Self.matchingLineEnds(diff.hunks, text)
        let result = try HunkApplier(path: path, diff: name).apply(hunks, to: text)
        guard result.0.lines.isEmpty || diff.hunks.isEmpty else {
            throw BuildError(
                .diffConflict, "\(name) removes \(path), which holds more than the diff says",
                evidence: ["file": path, "lines left": "\(result.0.lines.count)"])
        }
        applied += 1
        files[path] = removal(of: file)
    }

    private mutating func add(_ diff: FileDiff, path: String, name: String) throws(BuildError) {
        let isWhole = !diff.hunks.isEmpty && diff.hunks.allSatisfy { $0.preStart == 0 && $0.preLines.isEmpty }
        guard diff.oldPath == nil || isWhole else {
            throw BuildError(
                .diffConflict, "\(name) edits a file that isn't in the tree",
                evidence: ["file": path, "diff": name, "line": "\(diff.diffLine)"])
        }
        applied += 1
        var text = TrackedText(SourceLines([]))
        text.lines = diff.hunks.flatMap(\.postLines).map { .init(text: $0, origin: nil) }
        files[path] = AppliedFile(path: path, oldPath: nil, pre: files[path]?.pre, post: text)
    }

    /// The diff makes a file that is there: fine if it is the same, or if the file is empty.
    private mutating func addAgain(_ diff: FileDiff, _ file: AppliedFile, name: String) throws(BuildError) {
        let wanted = diff.hunks.flatMap(\.postLines)
        if file.post?.lines.map(\.text) == wanted {
            appliedAlready.append(file.path)
        } else if file.post?.lines.isEmpty == true {
            try edit(diff, file, target: file.path, name: name)
        } else {
            throw BuildError(
                .diffConflict, "\(name) makes the new file \(file.path), which is there with other content",
                evidence: ["file": file.path, "diff": name, "line": "\(diff.diffLine)"])
        }
    }

    /// Fits the diff's line ends to the file's: mail turns `\n` into `\r\n`, editors do the reverse.
    ///
    /// Only when all lines of one side agree, so that a change *of* line ends is never touched.
    static func matchingLineEnds(_ hunks: [DiffHunk], _ text: TrackedText) -> [DiffHunk] {
        func isDOS(_ lines: [ArraySlice<UInt8>]) -> Bool? {
            let ended = lines.filter { $0.last == SourceLines.newline }
            let count = ended.filter { $0.dropLast().last == SourceLines.carriageReturn }.count
            return count == ended.count && count > 0 ? true : count == 0 ? false : nil
        }
        guard let file = isDOS(text.lines.map(\.text)),
            let diff = isDOS(hunks.flatMap { $0.lines.map(\.text) }), file != diff
        else { return hunks }
        return hunks.map { hunk in
            var hunk = hunk
            for index in hunk.lines.indices where hunk.lines[index].text.last == SourceLines.newline {
                var line = Array(hunk.lines[index].text.withoutTerminator)
                line += file ? [SourceLines.carriageReturn, SourceLines.newline] : [SourceLines.newline]
                hunk.lines[index].text = line[...]
            }
            return hunk
        }
    }
}
