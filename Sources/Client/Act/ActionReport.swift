public import Findings
public import KernelPatcher
public import ProcessPatcher

/// What an action came to, step by step; documented as `tsugite.action/1`.
public struct ActionReport: Sendable, Equatable, Codable {
    /// One step of the plan.
    public struct Step: Sendable, Equatable, Codable {
        /// In or out.
        public var action: Plan.Action
        /// The update.
        public var id: String
        /// How it ended.
        public var outcome: OperationReport.Result
        /// What happened in the processes.
        public var operations: [OperationReport]
        /// What happened in the running kernel.
        public var kernel: [KernelReport] = []
        /// Why it didn't end as applied.
        public var finding: Finding?
    }

    /// Names this form of report.
    public var schema = "tsugite.action/1"
    /// The verb.
    public var verb: String
    /// The whole.
    public var outcome: OperationReport.Result
    /// Each step.
    public var steps: [Step]
    /// What was available and left out.
    public var omitted: [Plan.Omission]
    /// What is to be said about the whole.
    public var findings: [Finding] = []

    /// Puts steps together.
    public init(verb: String, steps: [Step], omitted: [Plan.Omission] = []) {
        self.verb = verb
        self.steps = steps
        self.omitted = omitted
        outcome = Self.whole(steps.map(\.outcome))
    }

    static func whole(_ results: [OperationReport.Result]) -> OperationReport.Result {
        let all = Set(results)
        let isIncomplete = !all.isDisjoint(with: [.partial, .blocked, .deferred])
        if all.contains(.partial) || (all.contains(.applied) && isIncomplete) { return .partial }
        if all.contains(.applied) { return .applied }
        if all.contains(.blocked) { return .blocked }
        return all.contains(.deferred) ? .deferred : .nothingToDo
    }

    /// All codes that it cites, each once.
    public var codes: [String] {
        let own = findings + steps.compactMap(\.finding)
        let inner = steps.flatMap(\.operations).flatMap {
            $0.processes.compactMap(\.finding) + [$0.finding].compactMap { $0 }
        }
        let kernel = steps.flatMap(\.kernel).flatMap(\.findings)
        return Set((own + inner + kernel).map(\.code.rawValue)).sorted()
    }
}

extension OperationReport.Result {
    /// The same outcome; the kernel has no partial one.
    init(_ result: KernelReport.Result) {
        self =
            switch result {
            case .applied: .applied
            case .nothingToDo: .nothingToDo
            case .deferred: .deferred
            case .blocked: .blocked
            }
    }
}
