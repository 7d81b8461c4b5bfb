// The copy of the source tree that is built: same bytes, modes and times, so that make sees the same ages.
//
// Objects and libraries that lie in the tree from an earlier build are taken out of the copy: make would think
// them up to date, and a compile that doesn't run can't be captured. Files that git tracks stay: somebody means
// them to be there.

import Findings
import Linux

enum TreeCopy {
    /// Copies `source` to `target`, which must not exist; on failure nothing is left of it.
    static func make(of source: SourceTree, at target: String) throws(BuildError) {
        let partial = target + ".partial"
        try WorkFolder.remove(partial)
        let parent = FileSystem.parent(of: target)
        let needed = source.size &+ source.size / 2
        if let free = try? FileSystem.freeBytes(at: parent), free < needed {
            throw BuildError(
                .noSpace, "no space for a copy of the source tree",
                evidence: ["path": parent, "free bytes": "\(free)", "needed bytes": "\(needed)"])
        }
        let copy = Command("cp", ["-a", "--reflink=auto", "--", source.root + "/.", partial])
        let result: CommandResult
        do throws(SystemError) {
            result = try copy.run()
        } catch {
            throw BuildError(error, path: "cp")
        }
        guard result.succeeded else {
            try? WorkFolder.remove(partial)
            let text = result.errorText
            throw BuildError(
                text.contains("No space left") ? .noSpace : .workFolder, "the source tree can't be copied",
                evidence: ["path": target, "cp": String(text.suffix(400))])
        }
        do throws(SystemError) {
            try FileSystem.rename(partial, to: target)
        } catch {
            throw BuildError(error, path: target)
        }
    }

    /// Removes products of an earlier build from the copy.
    ///
    /// - Returns: relative paths of what was removed.
    static func removeProducts(_ source: SourceTree, from target: String) throws(BuildError) -> [String] {
        let products = source.entries.filter { $0.facts.isRegular && isProduct($0.path, root: source.root) }
        guard !products.isEmpty else { return [] }
        let tracked = trackedByGit(source.root)
        var removed: [String] = []
        for entry in products where !tracked.contains(entry.path) {
            do throws(SystemError) {
                try FileSystem.remove(target + "/" + entry.path)
            } catch {
                throw BuildError(error, path: entry.path)
            }
            removed.append(entry.path)
        }
        return removed
    }

    /// Objects, archives, linked files, and libtool's notes that stand for them.
    private static func isProduct(_ path: String, root: String) -> Bool {
        if path.hasSuffix(".lo") || path.hasSuffix(".la") {
            guard let text = try? FileSystem.read(root + "/" + path, limit: 1 << 16) else { return false }
            let head = String(decoding: text.prefix(200), as: UTF8.self)
            return head.hasPrefix("# ") && head.contains("libtool")
        }
        return ObjectProbe.look(root + "/" + path) != nil
    }

    private static func trackedByGit(_ root: String) -> Set<String> {
        guard FileFacts.exists(root + "/.git"),
            let result = try? Command(
                "git", ["-c", "safe.directory=*", "-C", root, "ls-files", "-z"], timeout: .seconds(60)
            ).run(), result.succeeded
        else { return [] }
        return Set(result.output.split(separator: 0).map { String(decoding: $0, as: UTF8.self) })
    }
}
