// Putting the text after the diff into the copy of the tree, and taking it out again, whatever happens.
//
// Both compiles see their source at the same path, so the texts take turns there. Each original is renamed
// aside and later renamed back: same inode, same times, no moment without a whole file. What was exchanged is
// written down first; a run that finds such a note by a run that was killed puts everything back before it
// does anything else. The folder's lock keeps two runs apart.

import Findings
import FoundationEssentials
import Linux

struct TextExchange {
    /// One file to exchange; paths are relative to the tree.
    struct Item: Codable, Equatable, Sendable {
        var path: String
        /// Real path of the text to put there; nil to take the file away.
        var text: String?
    }

    private struct Note: Codable {
        var tree: String
        /// Files that stood there, and have to come back.
        var replaced: [String]
        /// Files that didn't, and have to go.
        var made: [String]
        /// Folders that have to be made for new files, outermost first.
        var folders: [String]
    }

    private let tree: String
    private let note: String

    /// - Parameters:
    ///   - tree: real path of the copy.
    ///   - folder: the build's folder, where the note is kept.
    init(tree: String, folder: String) {
        self.tree = tree
        note = folder + "/exchanged.json"
    }

    /// Runs `body` with the items in place of the originals.
    func with<Result>(
        _ items: [Item], _ body: () throws(BuildError) -> Result
    ) throws(BuildError) -> Result {
        try recover()
        try begin(items)
        let result: Result
        do throws(BuildError) {
            for item in items { try put(item) }
            result = try body()
        } catch {
            try recover()
            throw error
        }
        try recover()
        return result
    }

    /// Puts every original back that a run has left aside.
    func recover() throws(BuildError) {
        guard FileFacts.exists(note) else { return }
        let bytes = try WorkFolder.read(note)
        guard let old = try? JSONDecoder().decode(Note.self, from: Data(bytes)) else {
            throw BuildError(
                .workFolder, "the note of exchanged files is damaged", evidence: ["path": note],
                remedy: "Remove the folder \(FileSystem.parent(of: note)) and run the command again.")
        }
        do throws(SystemError) {
            for path in old.replaced { try restore(old.tree + "/" + path) }
            for path in old.made { try Self.remove(old.tree + "/" + path) }
            for folder in old.folders.reversed() { try Directory.removeTree(old.tree + "/" + folder) }
            try FileSystem.remove(note)
        } catch {
            throw BuildError(error, path: error.object)
        }
    }

    private static func aside(_ path: String) -> String { path + ".tsugite-original" }

    private func begin(_ items: [Item]) throws(BuildError) {
        var folders: [String] = []
        for item in items {
            var folder = FileSystem.parent(of: item.path)
            var missing: [String] = []
            while folder != ".", folder != "/", !FileFacts.exists(tree + "/" + folder) {
                missing.append(folder)
                folder = FileSystem.parent(of: folder)
            }
            folders += missing.reversed().filter { !folders.contains($0) }
        }
        let bytes: [UInt8]
        do {
            bytes = Array(try JSONEncoder().encode(note(items, folders)))
        } catch {
            throw BuildError(.workFolder, "the note of exchanged files can't be written", evidence: ["path": note])
        }
        try WorkFolder.write(bytes, to: note)
    }

    private func put(_ item: Item) throws(BuildError) {
        let place = tree + "/" + item.path
        do throws(SystemError) {
            let original = FileFacts.exists(place)
            if original { try FileSystem.rename(place, to: Self.aside(place)) }
            guard let text = item.text else { return }
            try FileSystem.makeDirectory(FileSystem.parent(of: place))
            try FileSystem.replace(place, with: try FileSystem.read(text))
            // `__TIMESTAMP__` is the file's time.
            if original { _ = try Command("touch", ["-r", Self.aside(place), "--", place]).run() }
        } catch {
            throw BuildError(error, path: place)
        }
    }

    private func note(_ items: [Item], _ folders: [String]) -> Note {
        let paths = items.map(\.path)
        let there = Set(paths.filter { FileFacts.exists(tree + "/" + $0) })
        return Note(
            tree: tree, replaced: paths.filter(there.contains), made: paths.filter { !there.contains($0) },
            folders: folders)
    }

    /// Killed between note and exchange, the original still stands at its place.
    private func restore(_ place: String) throws(SystemError) {
        if FileFacts.exists(Self.aside(place)) { try FileSystem.rename(Self.aside(place), to: place) }
    }

    private static func remove(_ place: String) throws(SystemError) {
        do throws(SystemError) {
            try FileSystem.remove(place)
        } catch {
            if !error.isGone { throw error }
        }
    }
}
