import Linux

/// What the author asks for: which tree, which diffs, which shipped binaries, and where the patch goes.
package struct BuildRequest: Sendable, Codable, Equatable {
    /// The unpatched source tree.
    ///
    /// Never written to.
    package var source: String
    /// Diffs in the order in which they are applied; together they become one live patch.
    package var patches: [String]
    /// Shipped ELF files that the patch is for.
    package var targets: [String]
    /// Shell command that builds the tree from its top folder; nil: guessed from the build files found.
    package var buildCommand: String?
    /// Where the tree is seen while it is built.
    ///
    /// Paths end up in `__FILE__` and debug information, so a shipped file that was built elsewhere is only
    /// reproduced to the byte under that path. Nil: `source` itself.
    package var buildPath: String?
    /// The patch file to write.
    package var output: String
    /// Folder for cached builds and stage results.
    package var workFolder: String
    /// First stage to do again even if its result is at hand; later ones follow.
    package var redoFrom: BuildStage?
    /// How many compiles run side by side.
    package var jobs: Int
    /// For a build that makes packages: where, and which shipped files are meant; ``targets`` is empty then.
    package var package: PackageBuild?

    /// Makes a request; relative paths count from the working folder.
    package init(
        source: String, patches: [String], targets: [String], buildCommand: String? = nil,
        buildPath: String? = nil, output: String, workFolder: String, redoFrom: BuildStage? = nil, jobs: Int = 2
    ) {
        self.source = source
        self.patches = patches
        self.targets = targets
        self.buildCommand = buildCommand
        self.buildPath = buildPath
        self.output = output
        self.workFolder = workFolder
        self.redoFrom = redoFrom
        self.jobs = jobs
    }

    /// The same request with every path absolute, and links on the way to the source tree followed: compilers
    /// see the tree by the name that the kernel gives its folder.
    func withAbsolutePaths() throws(BuildError) -> BuildRequest {
        let folder: String
        do throws(SystemError) {
            folder = try ProcessFiles.readLink("/proc/self/cwd")
        } catch {
            throw BuildError(error, path: ".")
        }
        func absolute(_ path: String) -> String { BuildPath.absolute(path, in: folder) }
        var request = self
        request.source = Links.followed(absolute(source)) ?? absolute(source)
        request.patches = patches.map(absolute)
        request.targets = targets.map(absolute)
        request.buildPath = buildPath.map(absolute)
        request.output = absolute(output)
        request.workFolder = absolute(workFolder)
        return request
    }
}

/// A build that makes packages, whose files are the targets.
package struct PackageBuild: Sendable, Codable, Equatable {
    /// Folder in which the build leaves its packages: the one that the tree lies in.
    package var products: String
    /// The shipped files; nil: those that the build makes are taken for shipped.
    package var shipped: [ShippedFile]?

    /// Makes a description.
    package init(products: String, shipped: [ShippedFile]?) {
        self.products = products
        self.shipped = shipped
    }
}
