import Findings
import Linux
import LivePatch

// What hooks add to a transaction: those inside the stop, those behind it, and the way back if one behind it refuses.
// A patch that a newer one takes the place of is retired without its hooks: only the new patch's run.

/// The hooks of one change of one process.
struct HookedTransaction {
    /// What the change does with the images whose hooks run.
    enum Direction {
        case apply, undo

        var opposite: Direction { self == .apply ? .undo : .apply }
        fileprivate var before: PatchHook.Kind { self == .apply ? .preApply : .preUndo }
        fileprivate var inside: PatchHook.Kind { self == .apply ? .apply : .undo }
        fileprivate var behind: PatchHook.Kind { self == .apply ? .postApply : .postUndo }
        /// What is left when a hook before the change refuses.
        fileprivate var refused: String { self == .apply ? "nothing was changed" : "the patch stays in" }
        /// What is done when a hook behind the change refuses.
        fileprivate var takenBack: String {
            self == .apply ? "the patch was taken out again" : "the patch was put in again"
        }
    }

    let images: [InstalledPatch]
    let direction: Direction

    /// Runs the hooks before the change, while everybody runs.
    func before(_ session: ProcessSession, _ context: PatcherContext) throws(PatcherError) {
        guard let failure = try HookRunner(session: session, context: context).run(direction.before, of: images)
        else { return }
        throw PatcherError(failure.finding(session.process, direction.refused))
    }

    /// The hooks to run inside the stop; nil if there are none.
    func inside(_ session: ProcessSession, _ context: PatcherContext) throws(PatcherError) -> StopHooks? {
        let hooks = images.flatMap(\.hooks)
        let wanted = hooks.filter { $0.kind == direction.inside }
        guard !wanted.isEmpty else { return nil }
        guard let gadget = try context.gadget(session) else {
            throw PatcherError(
                Finding(
                    .processNoThread, "process \(session.process) has no instruction to come back from a hook by",
                    evidence: ["pid": "\(session.process)"]))
        }
        return StopHooks(
            forward: wanted, backward: hooks.filter { $0.kind == direction.opposite.inside }, gadget: gadget,
            space: session.space, memory: session.memory)
    }

    /// Runs the hooks behind the change; what to say if one refuses.
    func behind(_ change: PreparedChange) throws(PatcherError) -> HookFailure? {
        try HookRunner(session: change.session, context: change.context).run(direction.behind, of: images)
    }

    /// Takes the change back because a hook behind it refused, in this process or in another of its group.
    func takeBack(
        _ change: PreparedChange, because failure: HookFailure, _ deadline: MonotonicTime
    ) throws(PatcherError) {
        let (session, context) = (change.session, change.context)
        var plan = CommitPlan()
        for image in images {
            switch direction {
            case .apply: plan.takeOut(image)
            case .undo: plan.putIn(image, over: [:], wasInUse: true)
            }
        }
        let back = HookedTransaction(images: images, direction: direction.opposite)
        let result = try Committer(
            session: session, unit: change.unit, deadline: deadline, orphans: context.orphans, atReturn: false,
            custody: context.custody, hooks: try back.inside(session, context)
        ).run(plan)
        change.outcome.settle(failure, result, session.process, done: direction.takenBack)
        guard case .committed = result.kind, direction == .apply else { return }
        _ = try HookRunner(session: session, context: context).run(.postUndo, of: images)
    }
}

extension ProcessOutcome {
    /// Notes a hook that refused behind a transaction, and what became of taking that back.
    fileprivate mutating func settle(
        _ failure: HookFailure, _ result: Committer.Result, _ process: ProcessID, done: String
    ) {
        self.result = .blocked
        switch result.kind {
        case .committed: finding = failure.finding(process, done)
        case .deferred(let reason), .blocked(let reason):
            finding = failure.finding(process, "it couldn't be taken back: \(reason.message)")
        }
    }
}
