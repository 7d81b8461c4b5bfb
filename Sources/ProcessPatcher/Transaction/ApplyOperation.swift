import Findings
import Linux
import LivePatch

/// Puts patches into one process: discover, prove, place, quiesce, commit, read back.
struct ApplyOperation: ChangeOperation {
    let inputs: [PatchInput]
    let options: ProcessPatcher.ApplyOptions
    let deadline: MonotonicTime
    /// Whether the process is held in a place where its dynamic linker is known to be done.
    var isHeld = false

    func prepare(
        _ session: ProcessSession, _ unit: [ProcessID], _ context: PatcherContext, _ transaction: UInt64
    ) throws(PatcherError) -> Preparation {
        var recovered = 0
        if !options.dryRun, Recovery.isNeeded(session) {
            recovered = try Recovery(session: session, unit: unit, context: context, deadline: deadline).run()
        }
        let plan = try plan(session)
        guard !plan.images.isEmpty else {
            if plan.present.isEmpty && recovered == 0 { return .over(nil) }
            return .over(
                ProcessOutcome(
                    session.process, session.name, .nothingToDo, patches: plan.present, recovered: recovered))
        }
        let known = Dictionary(
            plan.retiring.flatMap { old in
                old.functions.map { ($0.site, $0.trampoline) } + old.dataWrites.map { ($0.site, $0.replacement) }
            }, uniquingKeysWith: { a, _ in a })
        let proof = Proof(session: session, known: known)
        for image in plan.images { try proof.check(image) }
        let outcome = ProcessOutcome(
            session.process, session.name, .applied, patches: plan.images.map(\.input.patch.name).uniqued(),
            functions: plan.images.flatMap { $0.target.functions.map(\.name) }, recovered: recovered)
        if options.dryRun { return .over(outcome) }
        let (commit, hooks) = try place(plan, known, session, context, transaction)
        return .ready(PreparedChange(session, unit, context, commit, hooks, transaction, outcome))
    }

    /// Plans; a process that is still being linked is waited for.
    private func plan(_ session: ProcessSession) throws(PatcherError) -> ApplyPlan {
        var nap: UInt64 = 100_000
        while true {
            do {
                var planner = ApplyPlanner(
                    session, allowReplace: options.allowReplace, allowData: options.allowData)
                planner.trustsLinker = isHeld
                return try planner.plan(inputs)
            } catch  where error.finding.code == .processStarting && !isHeld && MonotonicTime.now < deadline {
                Nap.nanoseconds(nap)
                nap = min(nap * 2, 2_000_000)
                try session.refresh()
            }
        }
    }

    private func place(
        _ plan: ApplyPlan, _ before: [RemoteAddress: [UInt8]], _ session: ProcessSession, _ context: PatcherContext,
        _ transaction: UInt64
    ) throws(PatcherError) -> (CommitPlan, HookedTransaction) {
        let installer = ImageInstaller(session: session, context: context)
        let runner = HookRunner(session: session, context: context)
        let table = runner.sharedTable()
        let images = try installer.install(plan.images, transaction: transaction)
        let hooks = HookedTransaction(images: images, direction: .apply)
        do throws(PatcherError) {
            try FrameRegistrar(session: session, context: context).register(images)
            try runner.share(table, images)
            try hooks.before(session, context)
        } catch {
            try? installer.remove(images.filter { session.state(of: $0) == .prepared })
            throw error
        }
        var commit = CommitPlan()
        for image in images { commit.putIn(image, over: before, wasInUse: session.state(of: image) == .undone) }
        for old in plan.retiring { commit.takeOut(old.by(context.patcher, transaction)) }
        return (commit, hooks)
    }
}

extension ProcessSession {
    /// The state of an image as its journal says now.
    func state(of image: InstalledPatch) -> InstalledPatch.State? {
        installed.first { $0.image.start == image.image.start }?.state
    }
}

extension InstalledPatch {
    /// The same image, in the hands of another patcher and transaction.
    func by(_ patcher: PatcherIdentity, _ transaction: UInt64) -> InstalledPatch {
        var copy = self
        copy.patcher = patcher
        copy.transaction = transaction
        return copy
    }
}

extension Array where Element: Hashable {
    /// Each element once, in order of first appearance.
    func uniqued() -> [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
