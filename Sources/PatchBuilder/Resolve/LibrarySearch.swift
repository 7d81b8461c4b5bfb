package import ELF
import Linux

/// Opens the components that a target needs, breadth first, as the dynamic linker would search them.
///
/// A component that the same tree builds is taken from the build; others from the folders of the system. One
/// that isn't found is left out: then its symbols can't be told apart by version, nothing worse.
package struct LibrarySearch {
    /// Files that the build made, by soname or file name.
    private let built: [String: String]
    /// Folders to look in, in order.
    private let folders: [String]

    /// The system's usual folders.
    package static let systemFolders = [
        "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib",
        "/usr/local/lib/x86_64-linux-gnu", "/usr/local/lib",
    ]

    /// Searches in what a build made, then in folders.
    package init(built: [String: String] = [:], folders: [String] = systemFolders) {
        self.built = built
        self.folders = folders
    }

    /// All components needed by `file`, itself not among them.
    package func libraries(neededBy file: ELFFile) -> [NeededLibrary] {
        var found: [NeededLibrary] = []
        var open = (try? file.dynamicSection()?.needed) ?? []
        var seen = Set(open)
        var next = 0
        while next < open.count {
            let name = open[next]
            next += 1
            guard let library = self.open(name), let opened = try? NeededLibrary(name: name, library) else {
                continue
            }
            found.append(opened)
            for more in (try? library.dynamicSection()?.needed) ?? [] where seen.insert(more).inserted {
                open.append(more)
            }
        }
        return found
    }

    private func open(_ name: String) -> ELFFile? {
        let paths = [built[name]].compactMap { $0 } + folders.map { "\($0)/\(name)" }
        for path in name.hasPrefix("/") ? [name] : paths {
            if let storage = try? ByteStorage(mapping: path), let file = try? ELFFile(storage) { return file }
        }
        return nil
    }
}
