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
    func matches(_ patch: InstalledPatch) -> Bool { matches(name: patch.name, id: patch.patch.description) }

    /// Whether it means a patch of that name and digest.
    func matches(name: String, id: String) -> Bool {
        name == text || (text.utf8.count >= 8 && id.hasPrefix(text.lowercased()))
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
/// Where a proof is possible, and asked for, ``ImageRelease`` finds it.
struct UndoOperation: ChangeOperation {
    let selector: PatchSelector
    let deadline: MonotonicTime
    /// Whether the memory is to be given back.
    var isReleasing = false

    func prepare(
        _ session: ProcessSession, _ unit: [ProcessID], _ context: PatcherContext, _ transaction: UInt64
    ) throws(PatcherError) -> Preparation {
        var recovered = 0
        // What another patcher does right now to other patches is no business of this one.
        let isConcerned = session.installed.contains { selector.matches($0) }
        if !isConcerned, Recovery.isUnderWay(session, context) { return .over(nil) }
        if Recovery.isNeeded(session) {
            recovered = try Recovery(session: session, unit: unit, context: context, deadline: deadline).run()
        }
        let images = session.installed.filter { $0.state == .committed && selector.matches($0) }
        guard !images.isEmpty else { return .over(try withoutChange(session, unit, context, recovered)) }
        var plan = CommitPlan()
        for image in images { plan.takeOut(image.by(context.patcher, transaction)) }
        let hooks = HookedTransaction(images: images, direction: .undo)
        try hooks.before(session, context)
        let outcome = ProcessOutcome(
            session.process, session.name, .applied, patches: images.map(\.name).uniqued(),
            functions: images.flatMap { $0.functions.map(\.name) }, recovered: recovered)
        let change = PreparedChange(session, unit, context, plan, hooks, transaction, outcome)
        if isReleasing { change.leaving = images }
        return .ready(change)
    }

    /// What is left to do where the patch isn't in use.
    private func withoutChange(
        _ session: ProcessSession, _ unit: [ProcessID], _ context: PatcherContext, _ recovered: Int
    ) throws(PatcherError) -> ProcessOutcome? {
        let idle = session.installed.filter { $0.state == .undone && selector.matches($0) }
        guard isReleasing, !idle.isEmpty else {
            if recovered == 0 { return nil }
            return ProcessOutcome(session.process, session.name, .nothingToDo, recovered: recovered)
        }
        var outcome = ProcessOutcome(
            session.process, session.name, .applied, patches: idle.map(\.name).uniqued(), recovered: recovered)
        try ImageRelease(session: session, unit: unit, context: context).run(idle, &outcome)
        return outcome
    }
}

/// Finishes or takes back what a killed patcher left, and nothing else.
struct RecoverOperation: ChangeOperation {
    let deadline: MonotonicTime

    func prepare(
        _ session: ProcessSession, _ unit: [ProcessID], _ context: PatcherContext, _ transaction: UInt64
    ) throws(PatcherError) -> Preparation {
        guard Recovery.isNeeded(session) else { return .over(nil) }
        let names = session.installed.filter { $0.state.isHalfWay }.map(\.name).uniqued()
        let count = try Recovery(session: session, unit: unit, context: context, deadline: deadline).run()
        return .over(
            ProcessOutcome(session.process, session.name, .applied, patches: names, recovered: count))
    }
}
