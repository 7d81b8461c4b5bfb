// The packages that a build makes, unpacked: what the build says it would ship. A shipped file is paired with
// the file of the same package and path there, whose build-id leads to the link that made it. So files are
// recognised even if a package is built in several flavours that all have the same file names.

import Findings
import Linux

/// A folder with one sub-folder for each binary package.
package struct StagedPackages: Sendable, Equatable {
    /// `FOLDER/PACKAGE/usr/lib/...`.
    package let folder: String

    package init(_ folder: String) { self.folder = folder }

    /// Unpacks every `.deb` of `products` and removes all that the build has left there.
    ///
    /// - Parameter tree: name of the source tree in `products`, which stays.
    func take(from products: String, keeping tree: String) throws(BuildError) {
        let partial = folder + ".partial"
        try WorkFolder.remove(partial)
        try WorkFolder.remove(folder)
        try WorkFolder.make(partial)
        for name in try Self.names(in: products) where name != tree {
            let path = products + "/" + name
            if name.hasSuffix(".deb"), let package = name.split(separator: "_").first {
                try Self.unpack(path, to: partial + "/" + package)
            }
        }
        try Self.clean(products, keeping: tree)
        do throws(SystemError) {
            try FileSystem.rename(partial, to: folder)
        } catch {
            throw BuildError(error, path: folder)
        }
    }

    /// Removes everything from `products` but the source tree and the note on its patches.
    static func clean(_ products: String, keeping tree: String) throws(BuildError) {
        for name in try names(in: products) where name != tree && !name.hasPrefix("debian-patches") {
            let path = products + "/" + name
            do throws(SystemError) {
                let facts = try FileFacts.of(path, followingLinks: false)
                if facts.isDirectory { try Directory.removeTree(path) } else { try FileSystem.remove(path) }
            } catch {
                throw BuildError(error, path: path)
            }
        }
    }

    private static func names(in folder: String) throws(BuildError) -> [String] {
        do throws(SystemError) {
            return try Directory.entries(of: folder).map(\.name).sorted()
        } catch {
            throw BuildError(error, path: folder)
        }
    }

    /// Unpacks one binary package so that the folder is there whole or not at all.
    static func unpack(_ package: String, to folder: String) throws(BuildError) {
        let partial = folder + ".unpacking"
        try WorkFolder.remove(partial)
        try WorkFolder.make(partial)
        let result: CommandResult
        do throws(SystemError) {
            result = try Command("dpkg-deb", ["-x", package, partial], timeout: .seconds(600)).run()
        } catch {
            throw BuildError(.debianTools, "dpkg-deb can't be run", evidence: ["errno": error.errno.name])
        }
        guard result.succeeded else {
            try? WorkFolder.remove(partial)
            throw BuildError(
                result.errorText.contains("No space left") ? .noSpace : .debianSource,
                "\(BuildPath.name(package)) can't be unpacked",
                evidence: ["package": package, "dpkg-deb": String(result.errorText.suffix(400))])
        }
        do throws(SystemError) {
            try FileSystem.rename(partial, to: folder)
        } catch {
            throw BuildError(error, path: folder)
        }
    }

    /// Every ELF executable and shared library of every package, sorted.
    func images() -> [ShippedFile] {
        var found: [ShippedFile] = []
        for package in (try? Self.names(in: folder)) ?? [] {
            found += Self.images(of: package, below: folder + "/" + package)
        }
        return found
    }

    /// The images of one unpacked package.
    static func images(of package: String, below folder: String) -> [ShippedFile] {
        guard let tree = try? SourceTree(folder) else { return [] }
        return tree.entries.filter { $0.facts.isRegular }.compactMap { entry in
            let path = folder + "/" + entry.path
            guard isShippedImage(path) else { return nil }
            return ShippedFile(path: path, package: package, place: "/" + entry.path)
        }
    }

    /// Whether a file is what processes map: linked, and no separate debug information.
    static func isShippedImage(_ path: String) -> Bool {
        ObjectProbe.look(path) == .object(.image) && !path.contains("/usr/lib/debug/")
    }

    /// Where the build put its version of a shipped file; nil if it makes none there.
    func counterpart(of file: ShippedFile) -> String? {
        // Since merged /usr a file may have been shipped under either name.
        let other = file.place.hasPrefix("/usr/") ? String(file.place.dropFirst(4)) : "/usr" + file.place
        return [file.place, other].map { "\(folder)/\(file.package)\($0)" }.first(where: FileFacts.exists)
    }
}

/// One ELF file that a package ships.
package struct ShippedFile: Sendable, Codable, Equatable {
    /// Where it can be read now.
    package var path: String
    /// Its binary package.
    package var package: String
    /// Its place on a system that has the package installed.
    package var place: String

    /// Makes a file.
    package init(path: String, package: String, place: String) {
        self.path = path
        self.package = package
        self.place = place
    }
}
