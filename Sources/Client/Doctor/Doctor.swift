public import Channel
public import Findings
import Linux

/// Everything that probes look at, gathered once.
public struct DoctorFacts: Sendable {
    /// The machine as a planner sees it.
    public var planner: Planner
    /// The client's files.
    public var paths: Paths
    /// The kernel argument or file that is on.
    public var killSwitch: String?
    /// Whether the network part is installed.
    public var hasNetworkPart = true
    /// An action that wasn't closed.
    public var journal: ActionJournal?
    /// Whether the process that the journal names still lives.
    public var isJournalOwnerAlive = false
    /// How earlier boots ended.
    public var boots: BootMemory?
    /// What the last action came to.
    public var lastAction: ActionReport?
    /// The recorded effective versions.
    public var effective: EffectiveVersions?
    /// What is on disk.
    public var disk = DiskVersions()
    /// Files of packages, for those that channels have updates for.
    public var packageFiles: [String: Set<String>] = [:]
    /// Paths among the deleted modules' that exist again.
    public var replacedPaths: Set<String> = []
    /// Mirrors that this machine keeps, with what is free there.
    public var mirrors: [(folder: String, status: MirrorStatus, free: UInt64)] = []
    /// What the running kernel has against its live patches.
    public var kernelTrouble: [Finding] = []
    /// The end of the package tools' logs.
    public var packageLog = ""
    /// Now.
    public var time: UTCTime

    /// Facts about a machine.
    public init(planner: Planner, paths: Paths, time: UTCTime) {
        self.planner = planner
        self.paths = paths
        self.time = time
    }
}

/// Looks for one kind of trouble; pure.
protocol DoctorProbe: Sendable {
    /// All that it finds.
    static func findings(_ facts: DoctorFacts) -> [Finding]
}

/// What doctor found, worst first; documented as `tsugite.doctor/1`.
public struct DoctorReport: Sendable, Codable {
    /// One finding with its weight.
    public struct Item: Sendable, Codable {
        /// How much it weighs.
        public var level: FindingLevel
        /// What, with evidence and remedy.
        public var finding: Finding
        /// Whether `--fix` may act.
        public var isFixable: Bool
        /// What `--fix` did.
        public var fixed: String?
    }
    /// Names this form.
    public var schema = "tsugite.doctor/1"
    /// All findings.
    public var findings: [Item]

    /// Healthy: nothing but notes.
    public var isHealthy: Bool { findings.allSatisfy { $0.level == .note } }

    /// Sorts findings.
    public init(_ all: [Finding]) {
        findings = all.map { finding in
            let entry = DoctorEntry.of(finding.code)
            return Item(level: entry?.level ?? .warning, finding: finding, isFixable: entry?.fix != nil)
        }
        // Stable: probes are asked in the order of the table.
        findings = findings.enumerated().sorted { ($0.element.level, $0.offset) < ($1.element.level, $1.offset) }
            .map(\.element)
    }
}

/// Asks all probes.
public enum Doctor {
    static let probes: [any DoctorProbe.Type] = [
        SourceProbe.self, ClientProbe.self, LabelProbe.self, TrustProbe.self, MirrorProbe.self, BootProbe.self,
        RefusalProbe.self, ProcessProbe.self, LibraryProbe.self, PolicyProbe.self, KernelProbe.self,
        EffectiveProbe.self,
    ]

    /// All findings about a machine.
    public static func examine(_ facts: DoctorFacts) -> DoctorReport {
        DoctorReport(probes.flatMap { $0.findings(facts) })
    }
}
