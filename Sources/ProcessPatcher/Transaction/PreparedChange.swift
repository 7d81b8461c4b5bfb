import Linux

/// One process's change, ready to be carried out: everything is placed and proven, no byte of the target changed.
final class PreparedChange {
    let session: ProcessSession
    /// All processes that share its memory, itself included.
    let unit: [ProcessID]
    let context: PatcherContext
    let plan: CommitPlan
    /// What the authors of the patches want to run; the hooks before the change have run.
    let hooks: HookedTransaction
    /// What the transaction's journals are known by.
    let transaction: UInt64
    /// Images whose memory is given back behind the change, if nothing leads there.
    var leaving: [InstalledPatch] = []
    /// What is reported if it is done.
    var outcome: ProcessOutcome

    init(
        _ session: ProcessSession, _ unit: [ProcessID], _ context: PatcherContext, _ plan: CommitPlan,
        _ hooks: HookedTransaction, _ transaction: UInt64, _ outcome: ProcessOutcome
    ) {
        self.session = session
        self.unit = unit
        self.context = context
        self.plan = plan
        self.hooks = hooks
        self.transaction = transaction
        self.outcome = outcome
    }

    /// Carries it out by itself.
    func commit(_ deadline: MonotonicTime, atReturn: Bool = false) throws(PatcherError) -> ProcessOutcome {
        let result: Committer.Result
        do {
            result = try Committer(
                session: session, unit: unit, deadline: deadline, orphans: context.orphans, atReturn: atReturn,
                custody: context.custody, hooks: try hooks.inside(session, context)
            ).run(plan)
        } catch {
            try? removeImages()
            throw error
        }
        outcome.tries = result.tries
        switch result.kind {
        case .committed:
            outcome.note(result.pause)
            if let failure = try hooks.behind(self) { try hooks.takeBack(self, because: failure, deadline) }
        case .deferred(let finding):
            outcome.result = .deferred
            outcome.finding = finding
        case .blocked(let finding):
            outcome.result = .blocked
            outcome.finding = finding
        }
        if outcome.result != .applied { try removeImages() } else { try release() }
        return outcome
    }

    /// Gives back the memory of what was taken out, where that was asked for.
    func release() throws(PatcherError) {
        guard !leaving.isEmpty else { return }
        try ImageRelease(session: session, unit: unit, context: context).run(leaving, &outcome)
    }

    /// Takes out what was placed and never used.
    func removeImages() throws(PatcherError) {
        try ImageInstaller(session: session, context: context).remove(
            session.installed.filter { $0.state == .prepared && $0.transaction == transaction })
    }
}

/// What preparing came to.
enum Preparation {
    /// Nothing is to be done, or only said.
    case over(ProcessOutcome?)
    /// Ready.
    case ready(PreparedChange)
}

/// The number that names one transaction in its images' journals.
///
/// Those of groups are marked, because their fate is decided by all members together: see ``GroupRecovery``.
enum TransactionNumber {
    private static let group: UInt64 = 1 << 63
    private static let takenBack: UInt64 = 1 << 62

    static func single() -> UInt64 { .random(in: 1..<takenBack) }
    static func ofGroup() -> UInt64 { single() | group }
    static func isGroup(_ number: UInt64) -> Bool { number & group != 0 }
    /// The same transaction, decided to be taken back.
    static func takenBack(_ number: UInt64) -> UInt64 { number | takenBack }
    static func isTakenBack(_ number: UInt64) -> Bool { number & takenBack != 0 }
    /// Without the decision.
    static func plain(_ number: UInt64) -> UInt64 { number & ~takenBack }
}
