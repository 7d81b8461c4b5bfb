// Sources that a build makes, compiles and removes again, such as libtool's tables of symbols. A later stage asks what
// they include, and may have to compile them again, so each one is copied aside while its compiler begins, and put
// back behind the build if it has gone by then.

import Findings
import Linux

/// Generated sources of one build, kept while it runs.
final class PassingSources {
    private let tree: BuildTree
    /// The author's tree: what lies there isn't generated.
    private let source: String
    private let folder: String
    /// Path below the tree, and the copy.
    private var kept: [String: String] = [:]

    init(tree: BuildTree, source: String, folder: String) {
        self.tree = tree
        self.source = source
        self.folder = folder
    }

    private static let largest: UInt64 = 32 << 20

    /// Takes a copy of a source that is about to be compiled, if the build has made it.
    ///
    /// One that can't be read or kept is passed over: if it is needed, the stage that needs it says so.
    func keep(_ path: String) {
        guard let relative = tree.relative(path), !FileFacts.exists(source + "/" + relative),
            let facts = try? FileFacts.of(tree.real(path)), facts.isRegular, facts.size <= Self.largest,
            let bytes = try? FileSystem.read(tree.real(path))
        else { return }
        let place = kept[relative] ?? "\(folder)/\(kept.count)"
        do throws(SystemError) {
            try FileSystem.makeDirectory(folder)
            try FileSystem.replace(place, with: bytes)
            kept[relative] = place
        } catch {
            kept[relative] = nil
        }
    }

    /// Puts those back that have gone.
    func bringBack() throws(BuildError) {
        for (relative, copy) in kept.sorted(by: { $0.key < $1.key }) {
            let place = tree.copy + "/" + relative
            guard !FileFacts.exists(place), FileFacts.exists(FileSystem.parent(of: place)) else { continue }
            do throws(SystemError) {
                try FileSystem.rename(copy, to: place)
            } catch {
                throw BuildError(error, path: place)
            }
        }
        try WorkFolder.remove(folder)
    }
}
