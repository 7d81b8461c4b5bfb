import ELF
import Findings
import Linux
import LivePatch

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
        /// Whether all selected processes change together, or none of them.
        public var isAllOrNothing: Bool
        /// Whether a busy thread is followed until it has left the function.
        public var atReturn: Bool
        /// Programs that are never changed.
        public var never: NeverList
        /// Whether the machine's first process may be changed though it isn't named.
        public var includesInit: Bool
        /// Is told what happens, from any thread.
        public var observer: (@Sendable (PatcherEvent) -> Void)?
        /// Whether read-only data may be written over, as patches that need it say.
        public var allowData: Bool

        /// Makes options.
        public init(
            wait: Duration = .seconds(30), allowReplace: Bool = false, dryRun: Bool = false,
            allowData: Bool = false,
            isAllOrNothing: Bool = false, atReturn: Bool = false, never: NeverList = .empty,
            includesInit: Bool = false, observer: (@Sendable (PatcherEvent) -> Void)? = nil
        ) {
            self.isAllOrNothing = isAllOrNothing
            self.atReturn = atReturn
            self.never = never
            self.includesInit = includesInit
            self.observer = observer
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
            inputs: patches, options: options, deadline: MonotonicTime.now.advanced(by: options.wait))
        let targets = Set(patches.flatMap { $0.patch.targets.map(\.buildID) })
        let none = Finding(
            .processNotFound, "no process maps a binary that the patch is for",
            evidence: ["targets": targets.map(\.description).sorted().joined(separator: ", ")])
        var run = SelectionRun(selection, none, options.observer)
        // Whoever is asked for by number is meant.
        var includesInit = options.includesInit
        if case .processes = selection { includesInit = true }
        run.admission = Admission(never: options.never, includesInit: includesInit)
        run.atReturn = options.atReturn
        run.isTogether = options.isAllOrNothing && !options.dryRun
        let outcomes = try run.outcomes(of: operation) { (scan) throws(PatcherError) in
            try scan.processes(mapping: targets)
        }
        return run.report(options.dryRun ? "plan" : "apply", outcomes)
    }

    /// Takes a patch out of processes.
    ///
    /// - Parameters:
    ///   - isAllOrNothing: whether all selected processes change together, or none of them.
    ///   - releasing: whether the memory of the patch is given back, also of one that was undone before, in every
    ///     process in which nothing leads there; each is stopped a second time for that.
    ///   - observer: is told what happens, from any thread.
    public static func undo(
        _ selector: PatchSelector, in selection: ProcessSelection, wait: Duration = .seconds(30),
        isAllOrNothing: Bool = false, atReturn: Bool = false, releasing: Bool = false,
        observer: (@Sendable (PatcherEvent) -> Void)? = nil
    ) throws(PatcherError) -> OperationReport {
        let operation = UndoOperation(
            selector: selector, deadline: MonotonicTime.now.advanced(by: wait), isReleasing: releasing)
        let none = Finding(
            .processNotPatched, "no process carries the patch \(selector)", evidence: ["patch": "\(selector)"])
        var run = SelectionRun(selection, none, observer)
        run.isTogether = isAllOrNothing
        run.atReturn = atReturn
        let outcomes = try run.outcomes(of: operation) { (scan) throws(PatcherError) in
            try scan.processesWithImages()
        }
        return run.report("undo", outcomes)
    }

    /// Finishes, or takes back, what a patcher that was killed left half-way.
    public static func recover(
        _ selection: ProcessSelection, wait: Duration = .seconds(30),
        observer: (@Sendable (PatcherEvent) -> Void)? = nil
    ) throws(PatcherError) -> OperationReport {
        let none = Finding(.processNotPatched, "nothing was left half-way", evidence: [:])
        var run = SelectionRun(selection, none, observer)
        let operation = RecoverOperation(deadline: MonotonicTime.now.advanced(by: wait))
        let outcomes = try run.outcomes(of: operation) { (scan) throws(PatcherError) in
            try scan.processesWithImages()
        }
        return run.report("recover", outcomes)
    }
}
