// What is in a source tree: names, modes, contents. Its digest is the key of the cached build.
//
// Reading a large tree takes seconds, so the digest is remembered together with a fingerprint of every file's
// inode, size and times; as long as the fingerprint is the same, the contents are.

import Crypto
import Findings
import Linux

struct SourceTree {
    /// One entry below the top, sorted by path.
    struct Entry: Sendable {
        var path: String
        var facts: FileFacts
    }

    /// Top folder.
    let root: String
    /// Every file, folder and link; what version control keeps for itself is left out.
    let entries: [Entry]

    /// Bytes of all files together.
    var size: UInt64 { entries.reduce(0) { $0 &+ ($1.facts.isRegular ? $1.facts.size : 0) } }

    private static let skipped: Set<String> = [".git", ".svn", ".hg", ".bzr"]

    /// Lists the tree at `root`.
    init(_ root: String) throws(BuildError) {
        self.root = root
        var entries: [Entry] = []
        do throws(SystemError) {
            try Self.list(root, "", into: &entries)
        } catch {
            throw BuildError(
                .workFolder, "the source tree can't be read: \(error.errno)",
                evidence: ["path": error.object, "errno": error.errno.name], remedy: "Check --source DIR.")
        }
        self.entries = entries
    }

    private static func list(_ root: String, _ folder: String, into entries: inout [Entry]) throws(SystemError) {
        for entry in try Directory.entries(of: folder.isEmpty ? root : root + "/" + folder) {
            if skipped.contains(entry.name) { continue }
            let path = folder.isEmpty ? entry.name : folder + "/" + entry.name
            let facts = try FileFacts.of(root + "/" + path, followingLinks: false)
            entries.append(Entry(path: path, facts: facts))
            if facts.isDirectory { try list(root, path, into: &entries) }
        }
    }

    /// Changes whenever any file may have changed; costs no reading.
    func fingerprint() -> String {
        var hasher = SHA256()
        for entry in entries {
            ContentDigest.add(entry.path, to: &hasher)
            let facts = entry.facts
            let modified = facts.isRegular ? facts.modified : 0
            let size = facts.isRegular ? facts.size : 0
            ContentDigest.add("\(facts.mode) \(size) \(modified) \(facts.identity.inode)", to: &hasher)
        }
        return ContentDigest.hex(hasher)
    }

    /// SHA-256 over names, modes, link targets and contents.
    func contentDigest() throws(BuildError) -> String {
        var hasher = SHA256()
        for entry in entries {
            ContentDigest.add("\(entry.path) \(entry.facts.mode)", to: &hasher)
            let path = root + "/" + entry.path
            do throws(SystemError) {
                if entry.facts.isRegular {
                    let bytes = try FileSystem.read(path, limit: 1 << 33)
                    ContentDigest.add("\(bytes.count)", to: &hasher)
                    ContentDigest.add(bytes, to: &hasher)
                } else if entry.facts.isSymbolicLink {
                    ContentDigest.add(try ProcessFiles.readLink(path), to: &hasher)
                }
            } catch {
                throw BuildError(
                    .workFolder, "\(path) can't be read: \(error.errno)",
                    evidence: ["path": path, "errno": error.errno.name],
                    remedy: "Make the source tree readable, or copy it to a place where it is.")
            }
        }
        return ContentDigest.hex(hasher)
    }
}
