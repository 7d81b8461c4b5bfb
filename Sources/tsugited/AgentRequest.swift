import Findings
import FoundationEssentials
import Linux
import LivePatch
import ProcessPatcher

/// What a client asks the agent for: one line of JSON, documented in docs/agent.md.
struct AgentRequest: Decodable {
    enum Verb: String, Decodable { case apply, undo, status, recover, version }

    let verb: Verb
    /// `apply`: paths of patch files, as the agent sees them.
    var files: [String]?
    /// `undo`: name, start of the digest, or digest.
    var patch: String?
    /// Only these processes.
    var pids: [Int32]?
    /// Only the processes of a systemd unit.
    var unit: String?
    /// Only the processes of a control group.
    var cgroup: String?
    /// How long busy processes are tried again, in seconds; 30 if left out.
    var wait: Double?
    /// All selected processes in one step or none.
    var allOrNothing: Bool?
    /// Whether busy threads are followed to the function's return.
    var atReturn: Bool?
    /// Whether an applied patch may be taken out for a new one that doesn't include it.
    var replace: Bool?

    /// The longest line that is read, in bytes.
    static let limit = 64 << 10

    var selection: ProcessSelection {
        if let pids, !pids.isEmpty { return .processes(pids.map { ProcessID($0) }) }
        if let unit { return .unit(unit) }
        if let cgroup { return .controlGroup(cgroup) }
        return .all
    }

    var duration: Duration { .milliseconds(Int64(min(max(wait ?? 30, 0), 86_400) * 1000)) }
}

/// What the agent answers: a line for each event, the last one with `report`, `status` or `error`.
struct AgentAnswer: Encodable {
    var schema = "tsugite.agent/1"
    var found: Int?
    var process: ProcessOutcome?
    var report: OperationReport?
    var status: StatusReport?
    var version: String?
    var error: Finding?

    init() {}

    init(_ event: PatcherEvent) {
        switch event {
        case .found(let count): found = count
        case .ended(let outcome): process = outcome
        case .finished(let report): self.report = report
        }
    }

    init(error: Finding) { self.error = error }
}
