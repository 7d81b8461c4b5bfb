// The third stage: apply the diffs to what was compiled, and leave the texts after them, `#line` in place.
//
// The texts before are read from the copy that was built, not from the author's tree: a build may have changed
// a source before it compiled it, and what was compiled is what runs.

import Findings
import Linux

struct Stabilisation {
    /// The copy of the tree.
    let tree: BuildTree
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
        let texts = folder + "/texts"
        try WorkFolder.remove(texts)
        try WorkFolder.make(texts)
        var stabilised: [StabilisedFile] = []
        for (number, file) in files.enumerated() {
            stabilised.append(try stabilise(file, number: number, texts))
        }
        try WorkFolder.write(whole, to: folder + "/diff")
        return StabilisedDiff(
            files: stabilised, diffFile: folder + "/diff", digest: ContentDigest.hex(whole), notes: state.notes)
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

    /// A regular file of the tree, no symbolic link on its way.
    private static func read(_ path: String, below root: String) throws(BuildError) -> [UInt8]? {
        var place = root
        for part in path.split(separator: "/") {
            place += "/" + part
            guard let facts = try? FileFacts.of(place, followingLinks: false) else { return nil }
            if facts.isSymbolicLink {
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
