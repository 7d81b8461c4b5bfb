import Linux

/// Files that were replaced on disk and whose old build is fixed in memory of everybody who runs it.
///
/// needrestart leaves such mappings out (packaging/needrestart): a process whose only reason to be restarted is covered
/// live isn't nagged about; one that has another reason still is.
enum CoveredPaths {
    /// The paths, sorted.
    static func of(_ planner: Planner) -> [String] {
        let covered = planner.coveredBuilds()
        return planner.inventory.modules.values.filter { $0.isDeleted && covered.contains($0.buildID) }.map(\.path)
            .sorted()
    }

    /// Writes them, one a line, for everybody to read.
    static func write(_ planner: Planner, _ paths: Paths) throws(ClientError) {
        try asClient { () throws(SystemError) in
            try FileSystem.makeDirectory(FileSystem.parent(of: paths.covered))
            try FileSystem.replace(paths.covered, with: of(planner).map { $0 + "\n" }.joined())
        }
    }
}
