public import Channel
import Linux

/// What is fixed on disk, and what in memory: two facts, per advisory, package and process.
///
/// Documented as `tsugite.report/1`.
public struct TwoAxisReport: Sendable, Equatable, Codable {
    /// One axis.
    public enum State: String, Sendable, Codable {
        /// The fix is there.
        case fixed
        /// It isn't.
        case vulnerable
        /// In memory: in some processes and not in others.
        case partial
        /// In memory: nothing runs it. On disk: not installed.
        case absent
    }

    /// One process.
    public struct Process: Sendable, Equatable, Codable {
        /// Its number.
        public var pid: Int32
        /// Its command name.
        public var name: String
        /// Whether its memory has the fix.
        public var state: State
    }

    /// One advisory for one package.
    public struct Statement: Sendable, Equatable, Codable {
        /// CVE and the like.
        public var advisory: String
        /// The binary package.
        public var package: String
        /// The version on disk.
        public var diskVersion: String?
        /// The version that fixes it on disk, if one does.
        public var fixedVersion: String?
        /// On disk.
        public var disk: State
        /// In memory.
        public var memory: State
        /// The live update that fixes it, in memory or on offer.
        public var update: String?
        /// Who runs it.
        public var processes: [Process]

        /// Whether a process runs the vulnerable code.
        public var isExposed: Bool { memory == .vulnerable || memory == .partial }
    }

    /// Names this form.
    public var schema = "tsugite.report/1"
    /// When.
    public var time: String
    /// The running kernel.
    public var kernel: KernelIdentity
    /// Updates in memory, and on offer.
    public var installed: Int
    /// Updates that an upgrade would install.
    public var available: Int
    /// Everything that is known, by advisory.
    public var statements: [Statement]
    /// Seconds since each channel was reached.
    public var channelAge: [String: Int64]
    /// Processes that this user may not look at.
    public var unreadable: Int

    /// Whether a process runs something vulnerable.
    public var isExposed: Bool { statements.contains(where: \.isExposed) }
}

extension TwoAxisReport {
    /// Puts together what channels, the package database, memory, and sources from outside say.
    public static func make(
        _ planner: Planner, disk: DiskVersions, facts: [AdvisoryFact], files: [String: Set<String>],
        at time: UTCTime
    ) -> TwoAxisReport {
        var statements: [String: Statement] = [:]
        let offered = planner.candidates().map(\.update)
        let known = planner.state.installed + offered.filter { planner.state.update($0.id) == nil }
        for update in known where !update.isKernel {
            for advisory in update.advisories {
                let statement = live(update, advisory, planner, disk)
                let key = "\(advisory) \(statement.package)"
                if statements[key].map({ $0.memory == .fixed }) != true { statements[key] = statement }
            }
        }
        for fact in facts {
            for package in disk.binaries(of: fact.package) {
                let key = "\(fact.advisory) \(package)"
                if statements[key] != nil {
                    statements[key]?.fixedVersion = fact.fixed
                } else {
                    statements[key] = outside(fact, package, planner, disk, files[package] ?? [])
                }
            }
        }
        return TwoAxisReport(
            time: time.description, kernel: planner.inventory.kernel, installed: planner.state.installed.count,
            available: planner.upgrade().steps.count,
            statements: statements.values.sorted { ($0.advisory, $0.package) < ($1.advisory, $1.package) },
            channelAge: planner.state.checked.mapValues { time.seconds - $0 },
            unreadable: planner.inventory.unreadable)
    }

    private static func live(
        _ update: InstalledUpdate, _ advisory: String, _ planner: Planner, _ disk: DiskVersions
    ) -> Statement {
        var processes: [Process] = []
        for patch in update.patches {
            for pid in planner.inventory.users(of: patch.buildID) {
                let isFixed = planner.memory[pid]?.contains(patch.sha256) == true
                processes.append(process(pid, isFixed ? .fixed : .vulnerable, planner))
            }
        }
        let version = disk.installed[update.package]
        return Statement(
            advisory: advisory, package: update.package, diskVersion: version,
            fixedVersion: update.effectiveVersion,
            disk: onDisk(version, fixed: update.effectiveVersion), memory: whole(processes), update: update.id,
            processes: processes)
    }

    /// Without a live update: memory is what was on disk when the process started; a replaced file means the old one.
    private static func outside(
        _ fact: AdvisoryFact, _ package: String, _ planner: Planner, _ disk: DiskVersions, _ files: Set<String>
    ) -> Statement {
        let version = disk.installed[package]
        let state = onDisk(version, fixed: fact.fixed)
        var seen: Set<ProcessID> = []
        var processes: [Process] = []
        for module in planner.inventory.modules.values where files.contains(module.path) {
            for pid in module.processes where seen.insert(pid).inserted {
                processes.append(process(pid, module.isDeleted ? .vulnerable : state, planner))
            }
        }
        return Statement(
            advisory: fact.advisory, package: package, diskVersion: version, fixedVersion: fact.fixed, disk: state,
            memory: whole(processes), update: nil, processes: processes.sorted { $0.pid < $1.pid })
    }

    private static func process(_ pid: ProcessID, _ state: State, _ planner: Planner) -> Process {
        Process(pid: pid.rawValue, name: planner.inventory.processes[pid]?.name ?? "", state: state)
    }

    private static func onDisk(_ version: String?, fixed: String?) -> State {
        guard let version else { return .absent }
        guard let fixed else { return .vulnerable }
        return DebianVersion.isOlder(version, than: fixed) ? .vulnerable : .fixed
    }

    private static func whole(_ processes: [Process]) -> State {
        let states = Set(processes.map(\.state))
        if states.isEmpty { return .absent }
        if states == [.fixed] { return .fixed }
        return states.contains(.fixed) ? .partial : .vulnerable
    }
}
