// The third stage: apply the diffs to what was compiled, and leave the texts after them, `#line` in place.
//
// The texts before are read from the copy that was built, not from the author's tree: a build may have changed
// a source before it compiled it, and what was compiled is what runs.

import Findings
import Linux

struct Stabilisation {
    /// The copy of the tree.
    let tree: BuildTree
    /// The author's tree, to tell what the build has made.
    let source: String
    /// Folder for the results.
    let folder: String

    /// Applies the diffs in order.
    ///
    /// - Parameter patches: paths of the diffs.
    func run(_ patches: [String]) throws(BuildError) -> StabilisedDiff {
        let root = tree.copy
        var state = AppliedTree { (path: String) throws(BuildError) in try Self.read(path, below: root) }
        var whole: [UInt8] = []
        for patch in patches {
            let bytes = try Self.diff(patch)
            let name = BuildPath.name(patch)
            try state.apply(DiffParser.parse(bytes, name: name), name: name)
            whole += bytes
        }
        let files = try state.finish()
        if let question = ConfiguredMacros.unanswered(files) {
            throw BuildError(
                .generatedSource,
                "the fix asks for \(question.macro), which the tree was built without: only a new configuration tells",
                evidence: [
                    "macro": question.macro, "asked in": question.source, "decided by": question.decidedBy,
                ], remedy: "Decide it in the diff (#define \(question.macro) 1 where it is asked), or restart.")
        }
        let texts = folder + "/texts"
        try WorkFolder.remove(texts)
        try WorkFolder.make(texts)
        var stabilised: [StabilisedFile] = []
        for (number, file) in files.enumerated() {
            stabilised.append(try stabilise(file, number: number, texts))
        }
        let copies = try copies(of: files, stabilised) + made(from: files, stabilised, texts)
        try WorkFolder.write(whole, to: folder + "/diff")
        return StabilisedDiff(
            files: (stabilised + copies).sorted { $0.path < $1.path }, diffFile: folder + "/diff",
            digest: ContentDigest.hex(whole), notes: state.notes)
    }

    /// Refuses diffs that can't be read or parsed.
    static func checkReadable(_ patches: [String]) throws(BuildError) {
        for patch in patches { _ = try DiffParser.parse(try diff(patch), name: BuildPath.name(patch)) }
    }

    private static func diff(_ path: String) throws(BuildError) -> [UInt8] {
        do throws(SystemError) {
            return try FileSystem.read(path, limit: 1 << 28)
        } catch {
            throw BuildError(
                .diffMalformed, "\(path) can't be read: \(error.errno)",
                evidence: ["diff": path, "errno": error.errno.name], remedy: "Check --patch FILE.")
        }
    }

    private func stabilise(
        _ file: AppliedFile, number: Int, _ texts: String
    ) throws(BuildError) -> StabilisedFile {
        let role = FileRole(path: file.path)
        var result = StabilisedFile(
            path: file.path, oldPath: file.oldPath, role: role, change: file.change, postFile: "", regions: [],
            shiftedLines: 0)
        guard let post = file.post else { return result }
        result.regions = post.regions(originalCount: file.pre?.lines.count ?? 0)
        var bytes = post.source.bytes
        // Directives only make sense in what a C compiler reads.
        if let pre = file.pre, [.source, .header, .test].contains(role) {
            let stabilised = Stabiliser.stabilise(pre: pre, post: post)
            bytes = stabilised.bytes
            result.shiftedLines = stabilised.shiftedLines
        }
        result.postFile = "\(texts)/\(number)-\(BuildPath.name(file.path))"
        try WorkFolder.write(bytes, to: result.postFile)
        return result
    }

    /// Files that the build copied from edited ones, and that it compiled instead or as well.
    ///
    /// Packages that are built in several flavours copy their sources into a folder for each.
    private func copies(
        of files: [AppliedFile], _ stabilised: [StabilisedFile]
    ) throws(BuildError) -> [StabilisedFile] {
        var originals: [String: [(text: [UInt8], file: StabilisedFile)]] = [:]
        for (file, result) in zip(files, stabilised) {
            guard let pre = file.pre, [.source, .header, .other].contains(result.role) else { continue }
            originals[BuildPath.name(file.oldPath ?? file.path), default: []].append((pre.bytes, result))
        }
        guard !originals.isEmpty else { return [] }
        let edited = Set(files.flatMap { [$0.path, $0.oldPath].compactMap { $0 } })
        var copies: [StabilisedFile] = []
        for entry in try SourceTree(tree.copy).entries where entry.facts.isRegular && !edited.contains(entry.path) {
            guard let candidates = originals[BuildPath.name(entry.path)],
                candidates.contains(where: { UInt64($0.text.count) == entry.facts.size }),
                !FileFacts.exists(source + "/" + entry.path),
                let text = try? FileSystem.read(tree.copy + "/" + entry.path),
                let original = candidates.first(where: { $0.text == text })
            else { continue }
            var copy = original.file
            copy.copyOf = copy.path
            copy.path = entry.path
            copy.oldPath = nil
            copy.change = copy.change == .removed ? .removed : .edited
            copies.append(copy)
        }
        return copies + newHeaders(beside: copies, stabilised)
    }

    /// New headers belong where the copied sources look for them, too.
    private func newHeaders(beside copies: [StabilisedFile], _ stabilised: [StabilisedFile]) -> [StabilisedFile] {
        let roots = Set(
            copies.compactMap { copy in
                copy.copyOf.flatMap { copy.path.hasSuffix("/" + $0) ? String(copy.path.dropLast($0.count)) : nil }
            })
        return roots.sorted().flatMap { root in
            stabilised.filter { $0.change == .added && $0.role == .header }.map { header in
                var copy = header
                copy.copyOf = header.path
                copy.path = root + header.path
                return copy
            }
        }
    }

    /// Files that a configure script made from edited templates (`foo.h` from `foo.h.in`), edited in the same way.
    private func made(
        from files: [AppliedFile], _ stabilised: [StabilisedFile], _ texts: String
    ) throws(BuildError) -> [StabilisedFile] {
        let templates = files.filter { $0.path.hasSuffix(".in") && $0.change == .edited }
        guard !templates.isEmpty else { return [] }
        let edited = Set(files.map(\.path))
        var result: [StabilisedFile] = []
        for entry in try SourceTree(tree.copy).entries where entry.facts.isRegular && !edited.contains(entry.path) {
            guard
                let template = templates.first(where: {
                    BuildPath.name($0.path) == BuildPath.name(entry.path) + ".in"
                }),
                let pre = template.pre, let post = template.post, !FileFacts.exists(source + "/" + entry.path),
                let bytes = try? FileSystem.read(tree.copy + "/" + entry.path)
            else { continue }
            let made = SourceLines(bytes)
            guard let text = ConfiguredFile.edited(made, template: pre, post) else { continue }
            var file = AppliedFile(path: entry.path, oldPath: nil, pre: made, post: text)
            file.post?.settle(against: made)
            var copy = try stabilise(file, number: stabilised.count + result.count + 10_000, texts)
            copy.copyOf = template.path
            result.append(copy)
        }
        return result
    }

    /// A regular file of the tree; no symbolic link on its way leads out of the tree, and it is none itself.
    private static func read(_ path: String, below root: String) throws(BuildError) -> [UInt8]? {
        var place = root
        for part in path.split(separator: "/") {
            place += "/" + part
            guard let facts = try? FileFacts.of(place, followingLinks: false) else { return nil }
            if facts.isSymbolicLink {
                let isLast = place.count == root.count + 1 + path.count
                if !isLast, let real = Links.followed(place), real.hasPrefix((Links.followed(root) ?? root) + "/") {
                    continue
                }
                throw BuildError(
                    .diffPath, "a diff edits \(path), which is reached through a symbolic link",
                    evidence: ["path": path, "link": String(place.dropFirst(root.count + 1))])
            }
            if place.count == root.count + 1 + path.count, !facts.isRegular { return nil }
        }
        do throws(SystemError) {
            return try FileSystem.read(place, limit: 1 << 28)
        } catch {
            throw BuildError(error, path: place)
        }
    }
}
