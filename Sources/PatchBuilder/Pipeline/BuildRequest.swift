/// What the author asks for: which tree, which diffs, which shipped binaries, and where the patch goes.
package struct BuildRequest: Sendable, Codable, Equatable {
    /// The unpatched source tree; absolute.
    ///
    /// Never written to.
    package var source: String
    /// Diffs in the order in which they are applied; together they become one live patch.
    package var patches: [String]
    /// Shipped ELF files that the patch is for; absolute paths.
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
    /// Folder for cached builds and stage results; absolute.
    package var workFolder: String
    /// First stage to do again even if its result is at hand; later ones follow.
    package var redoFrom: BuildStage?
    /// How many compiles run side by side.
    package var jobs: Int

    /// Makes a request; paths are taken as they are.
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
}
