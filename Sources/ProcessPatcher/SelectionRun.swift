import Findings
import Linux

/// Runs an operation on the processes of a selection, and on those that appear meanwhile.
struct SelectionRun {
    /// All processes that an operation may concern.
    typealias Finder = @Sendable (inout ProcessScan) throws(PatcherError) -> [ProcessID]

    let selection: ProcessSelection
    /// What is said if it concerns nobody.
    let none: Finding
    /// Who may be changed.
    var admission = Admission(never: .empty, includesInit: true)
    /// Whether all change together or none.
    var isTogether = false
    /// Whether busy threads are followed.
    var atReturn = false
    private let observer: (@Sendable (PatcherEvent) -> Void)?
    private var scan = ProcessScan()
    private static let rounds = 64

    init(_ selection: ProcessSelection, _ none: Finding, _ observer: (@Sendable (PatcherEvent) -> Void)?) {
        self.selection = selection
        self.none = none
        self.observer = observer
    }

    /// The outcomes of all that it concerned.
    mutating func outcomes(
        of operation: some ChangeOperation, _ find: @escaping Finder
    ) throws(PatcherError) -> [ProcessOutcome] {
        if case .processes(let named) = selection {
            return try change(named.uniqued().map { SharedSpaces.unit(of: $0) }, operation, nil)
        }
        var handled: Set<ProcessID> = []
        var outcomes: [ProcessOutcome] = []
        // Processes that are forked while we work carry the old code: look again until nobody new is there.
        for _ in 0..<Self.rounds {
            let found = try Self.members(selection, &scan, find).filter { !handled.contains($0) }
            if found.isEmpty { break }
            handled.formUnion(found)
            outcomes += try change(SharedSpaces.group(found), operation, find)
            handled.formUnion(outcomes.map { ProcessID($0.pid) })
        }
        return outcomes
    }

    /// The whole.
    func report(_ name: String, _ outcomes: [ProcessOutcome]) -> OperationReport {
        let report = OperationReport(
            operation: name, processes: outcomes, unreadable: scan.unreadable, ifNone: none)
        observer?(.finished(report))
        return report
    }

    private static func members(
        _ selection: ProcessSelection, _ scan: inout ProcessScan, _ find: Finder
    ) throws(PatcherError) -> [ProcessID] {
        var reader = ProcReader()
        return try find(&scan).filter { selection.contains($0, &reader) }
    }

    private func change(
        _ all: [[ProcessID]], _ operation: some ChangeOperation, _ find: Finder?
    ) throws(PatcherError) -> [ProcessOutcome] {
        var units: [[ProcessID]] = []
        var refused: [ProcessOutcome] = []
        for unit in all {
            if let refusal = unit.lazy.compactMap({ admission.refusal($0) }).first {
                refused.append(refusal)
            } else {
                units.append(unit)
            }
        }
        observer?(.found(all.count))
        let outcomes: [ProcessOutcome]
        if isTogether, let first = refused.first {
            outcomes = refused + units.compactMap { unit in unit.first.map { Self.left($0, because: first) } }
        } else {
            outcomes = try refused + (isTogether ? together(units, operation, find) : each(units, operation, find))
        }
        if isTogether || !refused.isEmpty {
            for outcome in isTogether ? outcomes : refused { observer?(.ended(outcome)) }
        }
        return outcomes
    }

    private static func left(_ process: ProcessID, because other: ProcessOutcome) -> ProcessOutcome {
        var reader = ProcReader()
        return ProcessOutcome(
            process, (try? reader.name(of: process)) ?? "", other.result,
            finding: Finding(
                .processGroup,
                "process \(process) was left as it is: process \(other.pid) of its group can't be changed",
                evidence: ["pid": "\(other.pid)"]))
    }

    /// Each by itself, several at a time.
    private func each(
        _ units: [[ProcessID]], _ operation: some ChangeOperation, _ find: Finder?
    ) throws(PatcherError) -> [ProcessOutcome] {
        let isNamed = find == nil
        return try Workers.run(units) { [atReturn, none, observer] unit, context in
            var outcome = operation.run(unit, context, atReturn: atReturn)
            // Whoever is asked about by number gets an answer.
            if outcome == nil, isNamed, let process = unit.first {
                outcome = ProcessOutcome(process, "", .nothingToDo, finding: none)
            }
            if let outcome { observer?(.ended(outcome)) }
            return outcome
        }
    }

    /// All in one step, on one thread: whoever is to be stopped together must be traced by the same one.
    private func together(
        _ units: [[ProcessID]], _ operation: some ChangeOperation, _ find: Finder?
    ) throws(PatcherError) -> [ProcessOutcome] {
        let results = try Workers.run([units]) { [selection] units, context in
            let group = GroupChange(operation: operation, context: context) { () throws(PatcherError) in
                guard let find else { return units }
                var scan = ProcessScan()
                return try SharedSpaces.group(Self.members(selection, &scan, find))
            }
            return Result { () throws(PatcherError) in try group.run() }
        }
        var outcomes: [ProcessOutcome] = []
        for result in results { outcomes += try result.get() }
        return outcomes
    }
}
