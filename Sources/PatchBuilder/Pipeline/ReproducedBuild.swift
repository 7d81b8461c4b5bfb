// Result of the first stage: the unpatched tree as it was built here, and how every object in it came to be.

/// Where the build saw the tree, and where its files really are.
///
/// The copy is mounted over the path that the build is meant to see, in a mount namespace of its own, so
/// that `__FILE__` and debug information come out as in the original place. Outside that namespace the
/// files are found under ``copy``.
package struct BuildTree: Sendable, Codable, Equatable {
    /// Top folder as compilers saw it.
    package var seen: String
    /// Top folder of the copy.
    ///
    /// Equal to `seen` where no namespace could be made.
    package var copy: String

    /// Makes the pair.
    package init(seen: String, copy: String) {
        self.seen = seen
        self.copy = copy
    }

    /// Real place of a file that the build saw as `path`.
    package func real(_ path: String) -> String {
        if path == seen { return copy }
        guard path.hasPrefix(seen + "/") else { return path }
        return copy + path.dropFirst(seen.count)
    }

    /// `path` relative to the top of the tree; nil if it lies outside.
    package func relative(_ path: String) -> String? {
        path.hasPrefix(seen + "/") ? String(path.dropFirst(seen.count + 1)) : nil
    }
}

/// One compiler or linker that took part, by content.
package struct ToolIdentity: Sendable, Codable, Equatable {
    /// Executable, links followed.
    package var path: String
    /// SHA-256 of the executable.
    package var digest: String
    /// First line of `--version`.
    package var version: String
    /// Size in bytes, and time of change in nanoseconds since 1970: while they stay, the digest does.
    package var size: UInt64
    /// See ``size``.
    package var modified: UInt64

    /// Makes an identity.
    package init(path: String, digest: String, version: String, size: UInt64, modified: UInt64) {
        self.path = path
        self.digest = digest
        self.version = version
        self.size = size
        self.modified = modified
    }
}

/// The unpatched tree, built and captured.
package struct ReproducedBuild: Sendable, Codable, Equatable {
    /// Where the tree is.
    package var tree: BuildTree
    /// The command that built it, run by `sh -c` in the top folder.
    package var buildCommand: String
    /// SHA-256 over names, modes and contents of the source tree.
    package var sourceDigest: String
    /// Compilers, assemblers and linkers that made what is listed here.
    package var tools: [ToolIdentity]
    /// Compiles whose objects are in some link, or still in the tree.
    package var compiles: [CompileCommand]
    /// Links, partial ones included; in the order in which they ran.
    package var links: [LinkCommand]
    /// Objects and libraries that were in the source tree before the build and were removed from the copy, so
    /// that they would be compiled under capture.
    ///
    /// Relative paths.
    package var removedBeforeBuild: [String]
    /// The build's whole output.
    package var log: String

    /// Makes a result.
    package init(
        tree: BuildTree, buildCommand: String, sourceDigest: String, tools: [ToolIdentity],
        compiles: [CompileCommand], links: [LinkCommand], removedBeforeBuild: [String], log: String
    ) {
        self.tree = tree
        self.buildCommand = buildCommand
        self.sourceDigest = sourceDigest
        self.tools = tools
        self.compiles = compiles
        self.links = links
        self.removedBeforeBuild = removedBeforeBuild
        self.log = log
    }

    /// Whether every number leads to what it numbers, so that a result file edited by hand does no harm.
    var isConsistent: Bool {
        compiles.indices.allSatisfy { compiles[$0].id == $0 && !compiles[$0].arguments.isEmpty }
            && links.indices.allSatisfy { links[$0].id == $0 }
            && links.allSatisfy { link in
                link.inputs.allSatisfy { input in
                    switch input.origin {
                    case .compile(let id): compiles.indices.contains(id)
                    case .partialLink(let id): links.indices.contains(id)
                    case .system, .data, .unknown: true
                    }
                }
            }
    }

    /// Every link that made an executable or a shared library.
    package var outputs: [LinkCommand] { links.filter { $0.kind != .relocatable } }

    /// The objects of `link`, partial links opened up: each input that is no partial link itself.
    package func objects(of link: LinkCommand) -> [LinkedObject] {
        var found: [LinkedObject] = []
        var open = Array(link.inputs.reversed())
        var seen: Set<Int> = []
        while let object = open.popLast() {
            guard case .partialLink(let id) = object.origin, links.indices.contains(id) else {
                found.append(object)
                continue
            }
            if seen.insert(id).inserted { open.append(contentsOf: links[id].inputs.reversed()) }
        }
        return found
    }

    /// The compiles whose objects may be in `link`, each once, in link order.
    package func compiles(of link: LinkCommand) -> [CompileCommand] {
        var seen: Set<Int> = []
        return objects(of: link).compactMap { object in
            guard case .compile(let id) = object.origin, compiles.indices.contains(id),
                seen.insert(id).inserted
            else { return nil }
            return compiles[id]
        }
    }

    /// Objects of `link` that nothing captured made.
    package func bypassed(in link: LinkCommand) -> [LinkedObject] {
        objects(of: link).filter { $0.origin == .unknown }
    }
}
