/// Files that were replaced on disk, and whose old build is fixed in memory of everybody who runs it up to what is on
/// disk now.
///
/// needrestart leaves such mappings out (packaging/needrestart): a process whose only reason to be restarted is covered
/// live isn't nagged about; one that has another reason still is. Asked when it matters, never kept in a file: right
/// after a package was upgraded, a file of before would be wrong.
public enum CoveredPaths {
    /// The paths, sorted.
    public static func of(_ planner: Planner, _ disk: DiskVersions) -> [String] {
        let covered = planner.coveredBuilds(disk)
        return planner.inventory.modules.values.filter { $0.isDeleted && covered.contains($0.buildID) }.map(\.path)
            .sorted()
    }
}
