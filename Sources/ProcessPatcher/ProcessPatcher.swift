import ELF
import Findings
public import Linux
import LivePatch

/// Which processes an operation is meant for.
public enum ProcessSelection: Sendable, Equatable {
    /// Every process that it concerns.
    case all
    /// These, and no others.
    case processes([ProcessID])
}

/// Changes running processes: discover, prove, place, quiesce, commit, read back.
///
/// Every function is synchronous and may take up to its time limit; call it from a thread that may block. Each
/// process is a transaction of its own: it changes whole, or not at all.
public enum ProcessPatcher {
    /// How an application is to be done.
    public struct ApplyOptions: Sendable {
        /// How long a busy process is tried again.
        public var wait: Duration
        /// Whether an applied patch may be taken out for a new one that doesn't include it.
        public var allowReplace: Bool
        /// Whether to plan and prove only.
        public var dryRun: Bool
        /// Whether read-only data may be written over, as patches that need it say.
        public var allowData: Bool

        /// Makes options.
        public init(
            wait: Duration = .seconds(30), allowReplace: Bool = false, dryRun: Bool = false, allowData: Bool = false
        ) {
            self.allowData = allowData
            self.wait = wait
            self.allowReplace = allowReplace
            self.dryRun = dryRun
        }
    }

    /// Puts patches into processes, all patches of one process in one step.
    ///
    /// - Throws: only if nothing could be found out at all; what happened in each process is in the report.
    public static func apply(
        _ patches: [PatchInput], to selection: ProcessSelection, _ options: ApplyOptions = ApplyOptions()
    ) throws(PatcherError) -> OperationReport {
        for input in patches where input.patch.machine != .x86_64 {
            throw PatcherError(PatchFileError(.architecture(input.patch.machine), "").finding)
        }
        let operation = ApplyOperation(
            inputs: patches, allowReplace: options.allowReplace, dryRun: options.dryRun,
            allowData: options.allowData, deadline: MonotonicTime.now.advanced(by: options.wait))
        let targets = Set(patches.flatMap { $0.patch.targets.map(\.buildID) })
        let none = Finding(
            .processNotFound, "no process maps a binary that the patch is for",
            evidence: ["targets": targets.map(\.description).sorted().joined(separator: ", ")])
        var scan = ProcessScan()
        let outcomes = try run(
            selection, none, &scan,
            { (scan) throws(PatcherError) in
                try scan.processes(mapping: targets)
            }
        ) { operation.run($0, $1) }
        return OperationReport(
            operation: options.dryRun ? "plan" : "apply", processes: outcomes, unreadable: scan.unreadable,
            ifNone: none)
    }

    /// Takes a patch out of processes.
    public static func undo(
        _ selector: PatchSelector, in selection: ProcessSelection, wait: Duration = .seconds(30)
    ) throws(PatcherError) -> OperationReport {
        let operation = UndoOperation(selector: selector, deadline: MonotonicTime.now.advanced(by: wait))
        let none = Finding(
            .processNotPatched, "no process carries the patch \(selector)", evidence: ["patch": "\(selector)"])
        var scan = ProcessScan()
        let outcomes = try run(
            selection, none, &scan,
            { (scan) throws(PatcherError) in
                try scan.processesWithImages()
            }
        ) { operation.run($0, $1) }
        return OperationReport(
            operation: "undo", processes: outcomes, unreadable: scan.unreadable, ifNone: none)
    }

    /// Runs an operation on the selected processes, and on those that appear meanwhile.
    private static func run(
        _ selection: ProcessSelection, _ none: Finding, _ scan: inout ProcessScan,
        _ find: (inout ProcessScan) throws(PatcherError) -> [ProcessID],
        _ body: @escaping @Sendable ([ProcessID], PatcherContext) -> ProcessOutcome?
    ) throws(PatcherError) -> [ProcessOutcome] {
        if case .processes(let named) = selection {
            // Whoever is asked about by number gets an answer.
            return try Workers.run(named.uniqued().map { SharedSpaces.unit(of: $0) }) { unit, context in
                body(unit, context) ?? unit.first.map { ProcessOutcome($0, "", .nothingToDo, finding: none) }
            }
        }
        var handled: Set<ProcessID> = []
        var outcomes: [ProcessOutcome] = []
        // Processes that are forked while we work carry the old code: look again until nobody new is there.
        for _ in 0..<64 {
            let found = try find(&scan).filter { !handled.contains($0) }
            if found.isEmpty { break }
            handled.formUnion(found)
            outcomes += try Workers.run(SharedSpaces.group(found), body)
        }
        return outcomes
    }
}
