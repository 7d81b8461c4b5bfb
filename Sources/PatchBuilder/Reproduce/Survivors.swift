// What the build left behind: tells its results from the trials of configure scripts, and finds linked files
// that were moved after the link.

import Findings
import Linux

struct Survivors {
    let place: Reproducer.Place
    let tree: BuildTree

    /// Compiles and links of the build whose products are still there.
    func graph(of log: CaptureLog) -> (compiles: [CompileCommand], links: [LinkCommand]) {
        let interesting = Self.linkedDigests(log)
        let found = digests(among: interesting, log)
        let snapshots = place.folder + "/links"
        return BuildGraph.make(
            from: log, surviving: found, snapshot: { "\(snapshots)/\($0.digest)" }, resolve: resolved)
    }

    /// Content of every linked file, and of what was made of linked files (`strip`).
    private static func linkedDigests(_ log: CaptureLog) -> Set<String> {
        var digests: Set<String> = []
        for process in log.processes where process.role == .linker || process.role == .objectTool {
            for stamp in process.outputs { digests.insert(stamp.digest) }
        }
        return digests
    }

    /// Those of `wanted` that some file has now: in the copy, or at its own place outside of it.
    private func digests(among wanted: Set<String>, _ log: CaptureLog) -> Set<String> {
        var found: Set<String> = []
        func look(_ real: String) {
            guard case .object = ObjectProbe.look(real), let bytes = try? FileSystem.read(real) else { return }
            let digest = ContentDigest.hex(bytes)
            if wanted.contains(digest) { found.insert(digest) }
        }
        if let now = try? SourceTree(place.copy) {
            for entry in now.entries where entry.facts.isRegular && entry.facts.size > 64 {
                look(place.copy + "/" + entry.path)
            }
        }
        for process in log.processes where process.role == .linker {
            for stamp in process.outputs where tree.relative(stamp.path) == nil { look(stamp.path) }
        }
        return found
    }

    /// A path of the build with symbolic links followed, as the build would spell it.
    private func resolved(_ path: String) -> String {
        let real = tree.real(path)
        guard let followed = Links.followed(real) else { return path }
        if followed == place.copy { return tree.seen }
        if followed.hasPrefix(place.copy + "/") { return tree.seen + followed.dropFirst(place.copy.count) }
        return followed
    }

    /// Removes copies of linked files that no kept link made.
    static func removeUnused(_ links: [LinkCommand], in folder: String) throws(BuildError) {
        let used = Set(links.map(\.digest))
        do throws(SystemError) {
            for entry in try Directory.entries(of: folder) where !used.contains(entry.name) {
                try FileSystem.remove(folder + "/" + entry.name)
            }
        } catch {
            throw BuildError(error, path: folder)
        }
    }
}

enum Links {
    /// `path` with every symbolic link followed; nil if it leads nowhere or in circles.
    static func followed(_ path: String) -> String? {
        // The kernel follows them all when it opens the file, and then knows its name.
        guard let file = try? OwnedDescriptor.open(path, .pathOnly) else { return nil }
        return try? ProcessFiles.readLink("/proc/self/fd/\(file.rawValue)")
    }
}
