public import Findings
import Linux

/// What an operation came to in one process.
public struct ProcessOutcome: Sendable, Equatable, Codable {
    /// The four ways it can end.
    public enum Result: String, Sendable, Codable {
        /// Done, whole.
        case applied
        /// There was nothing to do here.
        case nothingToDo = "nothing-to-do"
        /// A thread was in the way until the deadline; nothing was changed.
        case deferred
        /// It can't be done here; nothing was changed.
        case blocked
    }

    /// The process.
    public var pid: Int32
    /// Its command name.
    public var name: String
    /// How it ended.
    public var result: Result
    /// The patches concerned, by name.
    public var patches: [String]
    /// Why it didn't end as `applied`.
    public var finding: Finding?
    /// The functions that changed, by name.
    public var functions: [String]
    /// How long threads that were running stood still, in microseconds.
    public var pauseMicroseconds: Double?
    /// How long any thread was held, sleeping ones included, in microseconds.
    public var heldMicroseconds: Double?
    /// How often it was stopped.
    public var tries: Int
    /// How many transactions of a killed patcher were finished or taken back first.
    public var recovered: Int
    /// How many bytes of undone patches were given back; nil if that wasn't asked for.
    public var releasedBytes: UInt64?
    /// Why memory of an undone patch stays, though its release was asked for.
    public var kept: [String]?

    init(
        _ process: ProcessID, _ name: String, _ result: Result, patches: [String] = [], finding: Finding? = nil,
        functions: [String] = [], pauseMicroseconds: Double? = nil, tries: Int = 0, recovered: Int = 0
    ) {
        pid = process.rawValue
        self.name = name
        self.result = result
        self.patches = patches
        self.finding = finding
        self.functions = functions
        self.pauseMicroseconds = pauseMicroseconds
        self.tries = tries
        self.recovered = recovered
    }

    mutating func note(_ pause: PauseTimes) {
        pauseMicroseconds = Double(pause.running) / 1000
        heldMicroseconds = Double(pause.whole) / 1000
    }

    init(_ process: ProcessID, _ name: String, _ error: PatcherError) {
        let deferring: Set<FindingCode> = [
            .processBusy, .processUnstoppable, .processUnfinished, .processStarting,
        ]
        let result: Result =
            error.isGone || error.finding.code == .processNotUser
            ? .nothingToDo : deferring.contains(error.finding.code) ? .deferred : .blocked
        self.init(process, name, result, finding: error.finding)
    }
}

/// What an operation came to as a whole; documented as `tsugite.operation/1`.
public struct OperationReport: Sendable, Equatable, Codable {
    /// The whole, from its processes.
    public enum Result: String, Sendable, Codable {
        /// Done in every process that it concerned.
        case applied
        /// No process needed it.
        case nothingToDo = "nothing-to-do"
        /// Done in some, not in others.
        case partial
        /// Done in none: busy until the deadline.
        case deferred
        /// Done in none: not possible.
        case blocked
    }

    /// Names this form of report.
    public var schema = "tsugite.operation/1"
    /// `apply`, `undo`, or with `--dry-run` `plan`.
    public var operation: String
    /// The whole.
    public var result: Result
    /// Each process that it concerned, by number.
    public var processes: [ProcessOutcome]
    /// Processes whose memory this user may not look at, so that nothing is known about them.
    public var unreadable: Int
    /// What is to be said about the whole.
    public var finding: Finding?

    /// Makes a report of its processes.
    public init(operation: String, processes: [ProcessOutcome], unreadable: Int = 0, ifNone: Finding? = nil) {
        self.operation = operation
        self.processes = processes.sorted { $0.pid < $1.pid }
        self.unreadable = unreadable
        result = Self.whole(processes)
        finding = processes.isEmpty ? ifNone : nil
    }

    private static func whole(_ processes: [ProcessOutcome]) -> Result {
        let results = Set(processes.map(\.result))
        let failed = results.contains(.blocked) || results.contains(.deferred)
        if results.contains(.applied) { return failed ? .partial : .applied }
        if results.contains(.blocked) { return .blocked }
        return results.contains(.deferred) ? .deferred : .nothingToDo
    }
}
