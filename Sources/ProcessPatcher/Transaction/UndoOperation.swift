import Findings
import Linux
public import LivePatch

/// Which applied patch is meant: its name, or the start of its digest in hexadecimal.
public struct PatchSelector: Sendable, Equatable {
    private let text: String

    /// Takes a name, or at least eight digits of a digest.
    public init(_ text: String) { self.text = text }

    /// Takes a patch by its file's digest.
    public init(_ digest: Digest) { text = digest.description }

    /// Whether it means an applied patch.
    func matches(_ patch: InstalledPatch) -> Bool {
        patch.name == text || (text.utf8.count >= 8 && patch.patch.description.hasPrefix(text.lowercased()))
    }
}

extension PatchSelector: CustomStringConvertible {
    /// As given.
    public var description: String { text }
}

/// Takes a patch out of one process: the program's own bytes come back under the same check of all threads.
///
/// The memory of the new code stays: the process may keep addresses of it anywhere (a string literal in a list, a
/// function pointer in a heap block, a saved context of a coroutine), and no look at its memory can prove that it
/// doesn't. It is used again when the same patch comes back, so repeated cycles take no more memory than the first.
struct UndoOperation {
    let selector: PatchSelector
    let deadline: MonotonicTime

    /// Undoes in a process, and with it in all that share its memory; nil if it doesn't carry the patch.
    func run(_ unit: [ProcessID], _ context: PatcherContext) -> ProcessOutcome? {
        ProcessWork.run(unit, deadline) { (session) throws(PatcherError) in try run(session, unit, context) }
    }

    private func run(
        _ session: ProcessSession, _ unit: [ProcessID], _ context: PatcherContext
    ) throws(PatcherError) -> ProcessOutcome? {
        var recovered = 0
        // What another patcher does right now to other patches is no business of this one.
        let isConcerned = session.installed.contains { selector.matches($0) }
        if !isConcerned, Recovery.isUnderWay(session, context) { return nil }
        if Recovery.isNeeded(session) {
            recovered = try Recovery(session: session, unit: unit, context: context, deadline: deadline).run()
        }
        let images = session.installed.filter { $0.state == .committed && selector.matches($0) }
        guard !images.isEmpty else {
            if recovered == 0 { return nil }
            return ProcessOutcome(session.process, session.name, .nothingToDo, recovered: recovered)
        }
        let transaction = UInt64.random(in: 1 ... .max)
        var plan = CommitPlan()
        for image in images { plan.takeOut(image.by(context.patcher, transaction)) }
        let result = try Committer(
            session: session, unit: unit, deadline: deadline, orphans: context.orphans
        ).run(plan)
        var outcome = ProcessOutcome(
            session.process, session.name, .applied, patches: images.map(\.name).uniqued(),
            functions: images.flatMap { $0.functions.map(\.name) }, tries: result.tries, recovered: recovered)
        switch result.kind {
        case .committed: outcome.note(result.pause)
        case .deferred(let finding):
            outcome.result = .deferred
            outcome.finding = finding
        case .blocked(let finding):
            outcome.result = .blocked
            outcome.finding = finding
        }
        return outcome
    }
}
