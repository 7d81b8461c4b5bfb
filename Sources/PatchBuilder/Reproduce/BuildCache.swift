// What the work folder keeps, and taking out what nobody has used for a while. Everything here can be made again.
//
// A build that a run works in is locked and stays. Order matters if we are stopped half-way: a build's result file
// goes first, so that what is left of it counts as unfinished and is made anew or taken out next time.

import Findings
import Linux

/// The kept builds, patches and downloads of one work folder.
package struct BuildCache: Sendable {
    /// What is kept.
    package enum Kind: String, Sendable, Codable, CaseIterable {
        /// A tree that was built, with its objects.
        case build
        /// Stage results of one diff.
        case patch
        /// An unpacked source package.
        case source
        /// Downloaded sources and binary packages, lists of the archives.
        case download
        /// A throw-away root for builds.
        case root
    }

    /// One thing that can be taken out.
    package struct Entry: Sendable, Codable, Equatable {
        /// What it is.
        package var kind: Kind
        /// Its folder.
        package var path: String
        /// What it was made of.
        package var detail: String
        /// In bytes.
        package var size: UInt64
        /// When it was last of use: nanoseconds since 1970.
        package var used: UInt64
        /// Whether it is finished work.
        package var isComplete: Bool
    }

    private let work: WorkFolder

    /// Takes a work folder.
    package init(_ path: String) throws(BuildError) { work = try WorkFolder(path) }

    /// Everything that is kept, newest use first.
    package func entries() -> [Entry] {
        var found: [Entry] = []
        for folder in folders("builds") {
            let tree = (try? FileSystem.readText(folder + "/used")) ?? ""
            let detail = tree.split(separator: "\n").first.map(String.init) ?? ""
            found.append(
                entry(
                    .build, folder, BuildPath.name(detail), stamp: folder + "/used",
                    isComplete: FileFacts.exists(folder + "/reproduce.json")))
        }
        for folder in folders("patches") {
            found.append(
                entry(.patch, folder, "", stamp: folder + "/diff", isComplete: FileFacts.exists(folder + "/diff")))
        }
        for folder in folders("debian/trees") {
            found.append(
                entry(
                    .source, folder, BuildPath.name(folder), stamp: folder,
                    isComplete: !folder.hasSuffix(".partial"))
            )
        }
        for name in ["sources", "binaries", "apt"] where FileFacts.exists(work.path + "/debian/" + name) {
            let folder = work.path + "/debian/" + name
            found.append(entry(.download, folder, name, stamp: folder, isComplete: true))
        }
        for folder in folders("roots") {
            found.append(
                entry(
                    .root, folder, BuildPath.name(folder), stamp: folder + "/used",
                    isComplete: FileFacts.exists(folder + "/used")))
        }
        return found.sorted { ($0.used, $1.path) > ($1.used, $0.path) }
    }

    /// Takes out what wasn't used since `time` (nanoseconds since 1970), and unfinished work.
    ///
    /// - Returns: what was taken out, and what stays because somebody works in it.
    package func prune(olderThan time: UInt64) throws(BuildError) -> (removed: [Entry], busy: [Entry]) {
        var result: (removed: [Entry], busy: [Entry]) = ([], [])
        for entry in entries() where entry.used < time || !entry.isComplete {
            if try remove(entry) { result.removed.append(entry) } else { result.busy.append(entry) }
        }
        return result
    }

    private func remove(_ entry: Entry) throws(BuildError) -> Bool {
        guard entry.kind == .build else {
            try WorkFolder.remove(entry.path)
            return true
        }
        let attempt: LockFile.Attempt
        do throws(SystemError) {
            attempt = try LockFile.take(entry.path + "/lock", as: "tsugite cache")
        } catch {
            throw BuildError(error, path: entry.path)
        }
        switch consume attempt {
        case .held: return false
        case .taken(let lock):
            let store = StageStore(folder: entry.path)
            try store.forget(from: .reproduce)
            try WorkFolder.remove(entry.path)
            Self.release(lock)
            return true
        }
    }

    private static func release(_ lock: consuming LockFile) {}

    private func folders(_ name: String) -> [String] {
        let folder = work.path + "/" + name
        return ((try? Directory.entries(of: folder)) ?? []).map { folder + "/" + $0.name }.filter {
            (try? FileFacts.of($0))?.isDirectory ?? false
        }.sorted()
    }

    private func entry(
        _ kind: Kind, _ path: String, _ detail: String, stamp: String, isComplete: Bool
    ) -> Entry {
        let facts = (try? FileFacts.of(stamp)) ?? (try? FileFacts.of(path))
        let size = (try? SourceTree(path))?.size ?? 0
        return Entry(
            kind: kind, path: path, detail: detail, size: size, used: facts?.modified ?? 0, isComplete: isComplete)
    }
}
