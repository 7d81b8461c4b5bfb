import Findings
import Glibc
import KernelPatcher
import Linux

/// The versions whose fixes are in memory, as against those that were booted or started.
///
/// The file is world-readable and never stale: it names the boot and the set for which it is true, and a reader
/// ignores it when either differs.
public struct EffectiveVersions: Sendable, Equatable, Codable {
    /// One package.
    public struct Package: Sendable, Equatable, Codable {
        /// Its name.
        public var name: String
        /// The highest version whose fixes are in memory of every process that uses it; nil if some lack them.
        public var effective: String?
        /// Processes that carry the fixes.
        public var covered: Int
        /// Processes that don't.
        public var missing: Int
        /// Updates.
        public var updates: [String]
        /// CVE and the like.
        public var advisories: [String]
    }

    /// Names this form.
    public var schema = "tsugite.effective/1"
    /// The kernel that was booted.
    public var kernel: KernelIdentity
    /// The version whose fixes its memory has.
    ///
    /// Nil if that can't be told: single fixes are applied, or patches of others.
    public var effectiveKernel: String?
    /// Packages with updates, by name.
    public var packages: [Package]
    /// Digests of the installed updates' patches that are in memory, sorted; patches from elsewhere don't count.
    public var set: [String]

    /// From what is in memory now.
    public static func compute(_ session: Session) throws(ClientError) -> EffectiveVersions {
        let state = try session.store.state()
        let planner = try session.planner()
        return make(state.installed, planner.inventory, planner.memory, kernel: try? session.kernel.effective())
    }

    /// Computed anew by whoever may look into all processes, who also writes the file; others read it, if it is true.
    public static func current(_ session: Session, refresh: Bool) throws(ClientError) -> EffectiveVersions {
        let recorded = try read(session.store)
        if !refresh, geteuid() != 0, let recorded { return recorded }
        var found = try compute(session)
        if found == recorded { return found }
        if geteuid() != 0 {
            // Processes that we may not look into may lack the fixes: nothing is claimed.
            for index in found.packages.indices { found.packages[index].effective = nil }
            return found
        }
        do throws(ClientError) {
            try found.write(session.store)
        } catch {
            if refresh { throw error }
        }
        return found
    }

    /// The same from values.
    static func make(
        _ installed: [InstalledUpdate], _ inventory: SystemInventory, _ memory: [ProcessID: Set<String>],
        kernel: EffectiveKernel? = nil
    ) -> EffectiveVersions {
        var packages: [String: Package] = [:]
        for update in installed where !update.isKernel {
            var package =
                packages[update.package]
                ?? Package(
                    name: update.package, effective: nil, covered: 0, missing: 0, updates: [], advisories: [])
            for patch in update.patches {
                let users = inventory.users(of: patch.buildID)
                let covered = users.count { memory[$0]?.contains(patch.sha256) == true }
                package.covered += covered
                package.missing += users.count - covered
            }
            package.updates.append(update.id)
            package.advisories += update.advisories
            if package.effective.map({ DebianVersion.isOlder($0, than: update.effectiveVersion) }) ?? true {
                package.effective = update.effectiveVersion
            }
            packages[update.package] = package
        }
        for name in packages.keys where packages[name]?.missing ?? 0 > 0 { packages[name]?.effective = nil }
        let ours = Set(installed.flatMap(\.patches).map(\.sha256))
        return EffectiveVersions(
            kernel: inventory.kernel, effectiveKernel: kernel.map(\.version) ?? inventory.kernel.release,
            packages: packages.values.sorted { $0.name < $1.name },
            set: Set(memory.values.flatMap { $0 }).intersection(ours).sorted())
    }

    /// Writes the file.
    func write(_ store: StateStore) throws(ClientError) { try store.write(self, to: store.paths.effective) }

    /// The file, if it is true of this boot.
    public static func read(_ store: StateStore) throws(ClientError) -> EffectiveVersions? {
        guard let found = try store.read(EffectiveVersions.self, store.paths.effective) else { return nil }
        let kernel = try asClient { () throws(SystemError) in try KernelIdentity.current() }
        guard found.kernel == kernel else { return nil }
        return found
    }
}
