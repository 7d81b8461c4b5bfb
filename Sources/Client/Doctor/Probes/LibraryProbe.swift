import Channel
import Findings

/// LIB-UNKNOWN, LIB-DELETED: builds in memory that no channel can help, and files replaced under running processes.
enum LibraryProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] { unknown(facts) + deleted(facts) }

    private static func unknown(_ facts: DoctorFacts) -> [Finding] {
        let entries = facts.planner.catalogues.values.flatMap(\.entries)
        return facts.packageFiles.sorted { $0.key < $1.key }.flatMap { package, files -> [Finding] in
            let ours = entries.filter { $0.family.path == "user/\(package)" }
            let known = Set(ours.map(\.buildID))
            guard let disk = facts.disk.installed[package],
                let fixed = ours.map(\.update.effectiveVersion).max(by: { DebianVersion.isOlder($0, than: $1) }),
                DebianVersion.isOlder(disk, than: fixed)
            else { return [] }
            return facts.planner.inventory.modules.values.filter {
                files.contains($0.path) && !known.contains($0.buildID)
            }
            .sorted { $0.buildID < $1.buildID }.map { module in
                Finding(
                    .libraryUnknown, "\(module.path) runs in a build that no attached channel knows",
                    evidence: [
                        "build-id": module.buildID, "package": "\(package) \(disk)", "fixed": fixed,
                        "processes": "\(module.processes.count)",
                    ],
                    remedy: "apt-get install --only-upgrade \(package), then restart what uses it")
            }
        }
    }

    private static func deleted(_ facts: DoctorFacts) -> [Finding] {
        let covered = facts.planner.coveredBuilds(facts.disk)
        return facts.planner.inventory.modules.values
            .filter { $0.isDeleted && facts.replacedPaths.contains($0.path) && !covered.contains($0.buildID) }
            .sorted { $0.path < $1.path }.map { module in
                let units = Set(module.processes.compactMap { facts.planner.inventory.processes[$0]?.unit })
                    .sorted()
                let remedy =
                    units.isEmpty
                    ? "Restart the processes that the evidence names"
                    : "systemctl restart \(units.joined(separator: " "))"
                return Finding(
                    .libraryDeleted,
                    "\(module.path) was replaced on disk, and \(module.processes.count) processes run the old build",
                    evidence: [
                        "build-id": module.buildID,
                        "processes": module.processes.prefix(20).map { "\($0)" }.joined(separator: ", "),
                    ], remedy: remedy)
            }
    }
}

extension Planner {
    /// Builds for which an installed update is in memory of every process that runs them, and has all the fixes that
    /// the package on disk has by now.
    func coveredBuilds(_ disk: DiskVersions) -> Set<String> {
        var covered: Set<String> = []
        for update in state.installed {
            if let onDisk = disk.installed[update.package],
                DebianVersion.isOlder(update.effectiveVersion, than: onDisk)
            {
                continue
            }
            for patch in update.patches {
                let users = inventory.users(of: patch.buildID)
                if !users.isEmpty, users.allSatisfy({ memory[$0]?.contains(patch.sha256) == true }) {
                    covered.insert(patch.buildID)
                }
            }
        }
        return covered
    }
}
