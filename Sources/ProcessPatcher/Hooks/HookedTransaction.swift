import Findings
import Linux
import LivePatch

// What hooks add to a transaction: those inside the stop, those behind it, and the way back if one behind it refuses.
// A patch that a newer one takes the place of is retired without its hooks: only the new patch's run.

/// The hooks of one operation on one process.
struct HookedTransaction {
    let session: ProcessSession
    let unit: [ProcessID]
    let context: PatcherContext
    let deadline: MonotonicTime

    var runner: HookRunner { HookRunner(session: session, context: context) }

    /// The hooks to run inside the stop; nil if there are none.
    func inside(
        _ images: [InstalledPatch], forward: PatchHook.Kind, backward: PatchHook.Kind
    ) throws(PatcherError) -> StopHooks? {
        let hooks = images.flatMap(\.hooks)
        let wanted = hooks.filter { $0.kind == forward }
        guard !wanted.isEmpty else { return nil }
        guard let gadget = try context.gadget(session) else {
            throw PatcherError(
                Finding(
                    .processNoThread, "process \(session.process) has no instruction to come back from a hook by",
                    evidence: ["pid": "\(session.process)"]))
        }
        return StopHooks(
            forward: wanted, backward: hooks.filter { $0.kind == backward }, gadget: gadget, space: session.space,
            memory: session.memory)
    }

    /// Runs the hooks behind an application; if one refuses, the patch is taken out again.
    func afterApply(_ images: [InstalledPatch], _ outcome: inout ProcessOutcome) throws(PatcherError) {
        guard let failure = try runner.run(.postApply, of: images) else { return }
        var plan = CommitPlan()
        for image in images { plan.takeOut(image) }
        let result = try committer(try inside(images, forward: .undo, backward: .apply)).run(plan)
        outcome.settle(failure, result, session.process, done: "the patch was taken out again")
        if case .committed = result.kind { _ = try runner.run(.postUndo, of: images) }
    }

    /// Runs the hooks behind an undo; if one refuses, the patch is put in again.
    func afterUndo(_ images: [InstalledPatch], _ outcome: inout ProcessOutcome) throws(PatcherError) {
        guard let failure = try runner.run(.postUndo, of: images) else { return }
        var plan = CommitPlan()
        for image in images { plan.putIn(image, over: [:], wasInUse: true) }
        let result = try committer(try inside(images, forward: .apply, backward: .undo)).run(plan)
        outcome.settle(failure, result, session.process, done: "the patch was put in again")
    }

    private func committer(_ hooks: StopHooks?) -> Committer {
        Committer(session: session, unit: unit, deadline: deadline, orphans: context.orphans, hooks: hooks)
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
