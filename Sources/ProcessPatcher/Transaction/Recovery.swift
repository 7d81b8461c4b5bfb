import Findings
import Linux

// Finishing what a killed patcher left. The journal says which transactions were under way; the bytes at the sites
// say how far each got:
//
//   images only `prepared`             no byte was changed, nobody ever ran the new code: unmapped
//   all sites hold their new bytes     only the last word of the journal is missing: written
//   all sites hold their old bytes     nothing happened: the states go back
//   some of each                       put back to the old bytes, under the same check of all threads
//
// Where a hook inside the stop has run, or begun to, the hooks of the opposite kind take back what it did, in a stop of
// their own or in that in which the bytes go back.
//
// Forked children inherit a half-way image with its journal, and are recovered the same way. What a group of
// processes was to do together is decided by all of them: see GroupRecovery.swift.

/// Finds and finishes transactions whose patcher has died.
struct Recovery {
    let session: ProcessSession
    let unit: [ProcessID]
    let context: PatcherContext
    let deadline: MonotonicTime

    /// Whether there is anything to be done.
    static func isNeeded(_ session: ProcessSession) -> Bool {
        session.installed.contains { $0.state.isHalfWay }
    }

    /// Whether a patcher that lives is in the middle of changing the process.
    static func isUnderWay(_ session: ProcessSession, _ context: PatcherContext) -> Bool {
        session.installed.contains {
            $0.state.isHalfWay && $0.patcher != context.patcher && context.isAlive($0.patcher)
        }
    }

    /// Finishes everything; answers how many transactions there were.
    /// - Throws: if another patcher is at work on this process, or a thread keeps it from being finished.
    func run() throws(PatcherError) -> Int {
        let open = session.installed.filter { $0.state.isHalfWay }
        if let other = open.first(where: { context.isAlive($0.patcher) && $0.patcher != context.patcher }) {
            throw PatcherError(
                Finding(
                    .processTraced,
                    "another tsugite (pid \(other.patcher.process)) is changing process \(session.process)",
                    evidence: ["pid": "\(session.process)", "tracer": "\(other.patcher.process)"]))
        }
        let transactions = Set(open.map { TransactionNumber.plain($0.transaction) })
        for transaction in transactions {
            var isTakenBack = false
            if TransactionNumber.isGroup(transaction) {
                isTakenBack = try GroupRecovery.isTakenBack(transaction, session)
            }
            let current = session.installed.filter { $0.state.isHalfWay }
            try finish(
                current.filter { TransactionNumber.plain($0.transaction) == transaction }, isTakenBack: isTakenBack)
        }
        return transactions.count
    }

    private func finish(_ images: [InstalledPatch], isTakenBack: Bool) throws(PatcherError) {
        // Those that go last, as in the transaction itself.
        let begun = images.filter { $0.state == .committing } + images.filter { $0.state == .undoing }
        guard !begun.isEmpty else {
            try ImageInstaller(session: session, context: context).remove(images)
            return
        }
        let sites = Self.sites(begun)
        let writer = SiteWriter(sites, session.memory)
        let hooks = try hooksToTakeBack(begun)
        switch try writer.look() {
        case 1 where !isTakenBack: try setStates(begun.reversed(), whenCommitting: .committed, whenUndoing: .undone)
        case 0 where hooks == nil: try setStates(begun, whenCommitting: .undone, whenUndoing: .committed)
        default: try putBack(begun, sites, hooks)
        }
        try ImageInstaller(session: session, context: context).remove(images.filter { $0.state == .prepared })
    }

    /// The hooks that take back what those of a transaction did; nil if none of those has begun.
    ///
    /// Where one patch takes the place of another, only the new one's hooks are run.
    private func hooksToTakeBack(_ images: [InstalledPatch]) throws(PatcherError) -> StopHooks? {
        let coming = images.filter { $0.state == .committing }
        let direction = coming.isEmpty ? HookedTransaction.Direction.undo : .apply
        let change = HookedTransaction(images: coming.isEmpty ? images : coming, direction: direction)
        guard let forward = try change.inside(session, context)?.forward,
            forward.contains(where: { HookRecord.hasBegun($0, session.memory) })
        else { return nil }
        let back = HookedTransaction(images: change.images, direction: direction.opposite)
        var hooks = try back.inside(session, context)
        hooks?.isBinding = false
        return hooks
    }

    /// All sites of a transaction with their bytes before and after it.
    static func sites(_ images: [InstalledPatch]) -> [SiteWrite] {
        var plan = CommitPlan()
        let going = images.filter { $0.state == .undoing }.flatMap { old in
            old.functions.map { ($0.site, $0.trampoline) } + old.dataWrites.map { ($0.site, $0.replacement) }
        }
        let before = Dictionary(going, uniquingKeysWith: { first, _ in first })
        for image in images where image.state == .committing { plan.putIn(image, over: before, wasInUse: true) }
        for image in images where image.state == .undoing { plan.takeOut(image) }
        return plan.writes
    }

    private func setStates(
        _ images: [InstalledPatch], whenCommitting: InstalledPatch.State, whenUndoing: InstalledPatch.State
    ) throws(PatcherError) {
        for var image in images {
            image.state = image.state == .committing ? whenCommitting : whenUndoing
            image.patcher = context.patcher
            try session.writeJournal(image)
        }
    }

    private func putBack(
        _ images: [InstalledPatch], _ sites: [SiteWrite], _ hooks: StopHooks?
    ) throws(PatcherError) {
        var plan = CommitPlan()
        for site in sites {
            let found = try session.memory.bytes(site.address, site.replacement.count)
            if found == site.expected { continue }
            guard found == site.replacement else {
                throw PatcherError(BytesFinding.make(site, found: found, session))
            }
            plan.writes.append(
                SiteWrite(
                    address: site.address, expected: site.replacement, replacement: site.expected,
                    function: site.function))
        }
        for image in images {
            plan.watched += CommitPlan.newCode(image)
            let after: InstalledPatch.State = image.state == .committing ? .undone : .committed
            plan.journal.append(
                CommitPlan.Entry(image: image, during: image.state, after: after, abandoned: image.state))
            if image.state == .undoing {
                plan.watched += image.functions.map { WatchedCode(range: $0.old, function: $0.name) }
            }
        }
        let result = try Committer(
            session: session, unit: unit, deadline: deadline, orphans: context.orphans, atReturn: false,
            hooks: hooks
        ).run(plan)
        switch result.kind {
        case .committed: return
        case .blocked(let finding): throw PatcherError(finding)
        case .deferred(let finding):
            throw PatcherError(
                Finding(
                    .processUnfinished,
                    "an operation on process \(session.process) that was killed half-way can't"
                        + " be taken back yet: \(finding.message)", evidence: ["pid": "\(session.process)"]))
        }
    }
}

extension InstalledPatch.State {
    /// Whether a transaction is, or was, under way. (A set of such states would cost each start of the command more
    /// than all questions put to it.)
    var isHalfWay: Bool {
        switch self {
        case .prepared, .committing, .undoing: true
        case .committed, .undone: false
        }
    }
}
