import Findings
import Linux

/// Holds starting processes and changes them, on one operating system thread.
///
/// Many may be held at a time: each is asked to go to its next stop, and whoever reports is served.
final class StartHolder {
    private let queue: StartQueue
    private let context: PatcherContext
    private let patience: Duration
    private let change: (ProcessID, PatcherContext, WatchMoment) -> ProcessOutcome?
    private let tell: (WatchEvent) -> Void
    private var held: [ThreadID: HeldStart] = [:]
    private var lists = LinkerLists()
    private var reader = ProcReader()

    /// How long a thread that holds somebody doesn't look for others, in nanoseconds.
    private static let moment: UInt64 = 500_000
    /// Codes that mean: not yet, perhaps at the next place.
    private static let notYet: Set<FindingCode> = [.processStarting, .processSymbol]

    /// Makes a holder.
    ///
    /// - Parameters:
    ///   - patience: the longest that a start is held.
    ///   - change: changes a process of which a thread is held in ``PatcherContext/custody``; nil if it isn't
    ///     concerned.
    init(
        _ queue: StartQueue, _ context: PatcherContext, patience: Duration,
        change: @escaping (ProcessID, PatcherContext, WatchMoment) -> ProcessOutcome?,
        tell: @escaping (WatchEvent) -> Void
    ) {
        self.queue = queue
        self.context = context
        self.patience = patience
        self.change = change
        self.tell = tell
    }

    /// Works until the queue is over.
    func run() {
        do throws(SystemError) {
            let alarm = try StopAlarm()
            while !queue.isOver {
                if let entry = queue.next(waiting: held.isEmpty) { begin(entry) }
                let answer = wait(alarm)
                if let thread = answer.thread { serve(thread, answer.status) } else { dropOverdue() }
            }
        } catch {
            // Nobody may wait for a holder that doesn't work.
            tell(.notHeld(pid: 0, reason: "\(error.call): \(error.errno.name)"))
            queue.end()
        }
        for thread in held.keys { Tracing.release(thread) }
        _ = context.orphans.settle(until: MonotonicTime.now.advanced(by: .seconds(1)))
    }

    /// Waits until somebody stops; for a moment only, because others may have come to be held.
    private func wait(_ alarm: borrowing StopAlarm) -> Tracing.WaitAnswer {
        let answer = Tracing.waitForAnyOfThisThread(block: false)
        guard answer.thread == nil, !held.isEmpty else { return answer }
        alarm.set(nanoseconds: Self.moment)
        defer { alarm.set(nanoseconds: 0) }
        let stop = Tracing.waitInterruptiblyForAny()
        // Whoever is held and is nobody's tracee any more is dropped when it is overdue; until then we rest.
        if stop.result.error == .noChild { Nap.nanoseconds(Self.moment) }
        return stop
    }

    // MARK: Beginning

    private func begin(_ entry: StartQueue.Entry) {
        defer { queue.allow(entry.event) }
        let thread = entry.event.thread
        guard held[thread] == nil, let status = try? reader.status(of: thread) else { return }
        // Who opens the file for another reason than to load it isn't held.
        guard entry.event.isExecution || isLinker(thread, status.process) else { return }
        guard entry.since.advanced(by: patience) > MonotonicTime.now else {
            tell(.notHeld(pid: status.process.rawValue, reason: "too many start at the same time"))
            return
        }
        if let error = HeldStart.seize(thread) {
            tell(.notHeld(pid: status.process.rawValue, reason: reason(error, status)))
            return
        }
        held[thread] = HeldStart(thread, status.process, isExecution: entry.event.isExecution)
        queue.note(status.process, isHeld: true)
    }

    private func reason(_ error: Errno, _ status: ProcessStatus) -> String {
        if status.tracer.rawValue != 0 { return "traced by process \(status.tracer)" }
        return "it can't be traced: \(error.name)"
    }

    /// Whether the thread may be opening the file out of its dynamic linker.
    ///
    /// True, too, if that can't be seen yet: a thread that has just asked for leave may not have gone to sleep, and
    /// then shows no registers. ``HeldStart`` looks again when it stands.
    private func isLinker(_ thread: ThreadID, _ process: ProcessID) -> Bool {
        guard let base = LinkerStop.linkerBase(process, &reader),
            let text = try? reader.text("/proc/\(process)/task/\(thread)/syscall")
        else { return false }
        if text.hasPrefix("running") { return true }
        // The last word is the instruction pointer.
        guard let word = text.split(whereSeparator: { $0 == " " || $0 == "\n" }).last, word.hasPrefix("0x"),
            let pointer = UInt64(word.dropFirst(2), radix: 16)
        else { return false }
        return LinkerStop.isInLinker(RemoteAddress(pointer), base)
    }

    // MARK: Serving

    private func serve(_ thread: ThreadID, _ status: WaitStatus) {
        guard let start = held[thread] else {
            // Somebody who was asked to stop during a change and only now does.
            Orphans.letGo(thread, status)
            return
        }
        switch start.take(status, &lists) {
        case .running: return
        case .ready(let moment): attempt(start, moment)
        case .over: letGo(start)
        }
    }

    private func attempt(_ start: HeldStart, _ moment: WatchMoment) {
        context.custody = start.thread
        let outcome = change(start.process, context, moment)
        context.custody = nil
        if let code = outcome?.finding?.code, Self.notYet.contains(code), case .running = start.goOn() { return }
        if let outcome { tell(.process(outcome, moment)) }
        letGo(start)
    }

    private func letGo(_ start: HeldStart) {
        held[start.thread] = nil
        Tracing.release(start.thread)
        queue.note(start.process, isHeld: false)
    }

    private func dropOverdue() {
        for start in held.values where start.isOverdue(patience) {
            tell(.notHeld(pid: start.process.rawValue, reason: "its start took longer than it may be held"))
            letGo(start)
        }
    }
}
