public import Channel
import Findings
import Glibc
import KernelPatcher
import Linux
import ProcessPatcher

/// One run of the client: its files, the site's decisions, and the engine that acts.
public struct Session: Sendable {
    /// The client's files.
    public let store: StateStore
    /// The site's decisions.
    public let configuration: Configuration
    /// What must never be touched.
    public let never: NeverList
    let engine: any PatchEngine
    let kernel: any KernelEngine

    /// Reads the configuration.
    /// - Parameter kernel: the machine's own if nil.
    public init(
        paths: Paths = Paths(), engine: any PatchEngine = ProcessEngine(), kernel: (any KernelEngine)? = nil
    ) throws(ClientError) {
        store = StateStore(paths)
        self.engine = engine
        self.kernel = kernel ?? LiveKernelEngine(paths)
        configuration = try Configuration.load(paths.configuration)
        never = try NeverList.load(paths.never)
    }

    /// What to plan with, from what runs and is in memory now.
    public func planner(_ catalogues: [String: Catalogue] = [:]) throws(ClientError) -> Planner {
        let state = try store.state()
        return Planner(
            configuration: configuration, never: never, state: state, inventory: try InventoryScan.now(),
            memory: try engine.memory(), kernelMemory: kernelMemory(state), catalogues: catalogues)
    }

    /// Whether things may change by themselves right now.
    public var isInWindow: Bool { UpdateWindow.allow(configuration.windows, at: Self.now) }

    /// Seconds since 1970.
    static var now: Int64 { UTCTime.now().seconds }
}

// Carrying a plan out. The order of the writes is what a power cut is answered with:
//
//   1. journal.json: what is about to happen, and in which boot. Found later, it says what was interrupted.
//   2. the patches, process by process; memory is not on disk, a power cut takes all of it.
//   3. state.json and the plans: from here on the update belongs to the set that a reboot restores. It is written
//      only after the patches are in effect, so an update that kills the machine while it is put in is not put in
//      again at boot.
//   4. history and the effective versions; then the journal is removed.
extension Session {
    /// Does what a plan says; whoever calls holds the machine's lock.
    /// - Parameter trialSeconds: set for a trial: what is installed comes out again unless it is accepted.
    public func carryOut(_ plan: Plan, verb: String, trialSeconds: Int? = nil) throws(ClientError) -> ActionReport {
        guard !plan.steps.isEmpty else {
            try refreshPlans()
            if plan.purpose == .upgrade { try store.write(plan) }
            return ActionReport(verb: verb, steps: [], omitted: plan.omitted)
        }
        let kernel = try asClient { () throws(SystemError) in try KernelIdentity.current() }
        let journal = ActionJournal(
            bootID: kernel.bootID, process: ProcessID.current.rawValue, began: Self.now, plan: plan)
        try store.write(journal, to: store.paths.journal)
        var state = try store.state()
        var steps: [ActionReport.Step] = []
        for step in plan.steps {
            let done = carryOut(step, isTrial: trialSeconds != nil)
            steps.append(done)
            guard done.outcome == .applied || done.outcome == .partial || done.outcome == .nothingToDo else {
                continue
            }
            let trial = trialSeconds.map {
                InstalledUpdate.Trial(until: Self.now + Int64($0), bootID: kernel.bootID)
            }
            Self.note(step, trial, in: &state)
        }
        if plan.purpose != .boot { state.lastAction = plan.steps.filter { $0.action == .install }.map(\.update.id) }
        try store.write(state, to: store.paths.record)
        let report = ActionReport(verb: verb, steps: steps, omitted: plan.omitted)
        try finish(report)
        return report
    }

    private func finish(_ report: ActionReport) throws(ClientError) {
        try store.remember(
            HistoryEntry(
                time: Self.now, verb: report.verb, outcome: report.outcome.rawValue,
                updates: report.steps.map { ($0.action == .install ? "+" : "-") + $0.id }, codes: report.codes))
        try store.write(report, to: store.paths.lastAction)
        try refreshPlans()
        let after = try planner(try store.catalogues(configuration))
        try store.write(after.upgrade())
        try EffectiveVersions.make(
            after.state.installed, after.inventory, after.memory, kernel: try? kernel.effective()
        ).write(store)
        PatchStore(store.paths).keepOnly(try store.state().installed)
        try store.remove(store.paths.journal)
    }

    /// Stores what the next boot, a removal and a step back would do, so that none of them needs the network.
    func refreshPlans() throws(ClientError) {
        let planner = Planner(
            configuration: configuration, never: never, state: try store.state(),
            inventory: SystemInventory(
                kernel: try asClient { () throws(SystemError) in try KernelIdentity.current() }),
            memory: [:], catalogues: [:])
        for plan in [planner.boot(), planner.remove(), planner.undo()] { try store.write(plan) }
    }

    private static func note(_ step: Plan.Step, _ trial: InstalledUpdate.Trial?, in state: inout ClientState) {
        let before = state.update(step.update.id)
        let gone = Set([step.update.id] + (step.action == .install ? step.update.supersedes : []))
        state.installed.removeAll { gone.contains($0.id) }
        guard step.action == .install else { return }
        var update = step.update
        update.installedAt = before?.installedAt ?? now
        // What was accepted stays accepted when it only goes into more processes.
        update.trial = before == nil ? trial : before?.trial
        state.installed.append(update)
    }

    private func carryOut(_ step: Plan.Step, isTrial: Bool) -> ActionReport.Step {
        var report = ActionReport.Step(
            action: step.action, id: step.update.id, outcome: .nothingToDo, operations: [], finding: nil)
        do throws(ClientError) {
            switch step.action {
            case .install where step.update.isKernel:
                report.kernel = try installInKernel(step.update, isTrial: isTrial)
            case .remove where step.update.isKernel: report.kernel = try removeFromKernel(step.update)
            case .install: report.operations = try install(step.update)
            case .remove:
                for patch in step.update.patches {
                    report.operations.append(try engine.undo(patch.sha256, wait: wait))
                }
            }
            report.outcome = ActionReport.whole(
                report.operations.map(\.result) + report.kernel.map { .init($0.result) })
        } catch {
            report.outcome = .blocked
            report.finding = error.finding
        }
        return report
    }

    var wait: Duration { .seconds(configuration.waitSeconds) }

    private func install(_ update: InstalledUpdate) throws(ClientError) -> [OperationReport] {
        let patches = PatchStore(store.paths)
        for patch in update.patches where !patches.has(patch) {
            throw missing(update, patches.path(patch.sha256))
        }
        // Files of one process go in together; so processes are grouped by the builds that they run.
        let inventory = try InventoryScan.now()
        var files: [ProcessID: [String]] = [:]
        for patch in update.patches {
            for process in inventory.users(of: patch.buildID, never) {
                files[process, default: []].append(patches.path(patch.sha256))
            }
        }
        var reports: [OperationReport] = []
        for (paths, processes) in Dictionary(grouping: files.keys, by: { files[$0] ?? [] }) {
            reports.append(try engine.apply(paths, to: processes.sorted(), wait: wait))
        }
        return reports
    }

    func missing(_ update: InstalledUpdate, _ path: String) -> ClientError {
        ClientError(
            .channelMismatch, "the file of \(update.id) isn't in this machine's store, or is damaged",
            ["file": path], remedy: "tsugite upgrade fetches it again.")
    }
}
