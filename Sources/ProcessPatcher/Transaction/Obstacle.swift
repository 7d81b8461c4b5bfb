import Findings
import Linux

/// Says who was in the way of a change in one process.
struct Obstacle {
    private let session: ProcessSession

    init(_ session: ProcessSession) { self.session = session }

    /// What is reported of an attempt that didn't succeed.
    ///
    /// - Parameters:
    ///   - tries: how often the process was stopped.
    ///   - same: whether it was one call all the time.
    func finding(_ attempt: Attempt, _ tries: Int, _ same: SameCall = SameCall()) -> Finding {
        switch attempt {
        case .busy(let busy): return busyFinding(busy, tries, same)
        case .unstoppable(let thread):
            return Finding(
                .processUnstoppable, "thread \(thread) of process \(session.process) did not stop",
                evidence: ["pid": "\(session.process)", "tid": "\(thread)", "tries": "\(tries)"])
        default:
            return Finding(
                .processUnstoppable, "process \(session.process) starts threads faster than they can be stopped",
                evidence: ["pid": "\(session.process)", "tries": "\(tries)"])
        }
    }

    private func busyFinding(_ busy: BusyThread, _ tries: Int, _ same: SameCall) -> Finding {
        var reader = ProcReader()
        let name = (try? reader.name(of: busy.thread, in: busy.process)) ?? "?"
        let symbols = Symboliser(session)
        let isLoop = same.isLoop
        var finding = Finding(
            isLoop ? .processNeverReturns : .processBusy,
            "thread \(busy.thread) (\(name)) of process \(busy.process) "
                + (isLoop ? "hasn't left one call of \(busy.function)" : "stayed in \(busy.function)"),
            evidence: [
                "pid": "\(busy.process)", "tid": "\(busy.thread)", "thread": name, "function": busy.function,
                "tries": "\(tries)",
            ])
        for (index, address) in busy.frames.enumerated() {
            finding.evidence.append(.init("frame \(index)", symbols.describe(address, isCall: index > 0)))
        }
        let unit = ControlGroups.unit(of: busy.process)
        let restart = unit.map { "systemctl restart \($0)" } ?? "restart the program"
        finding.remedy =
            isLoop
            ? "It keeps the old code for good: \(restart), or leave it deferred to its next start (tsugite watch)."
            : "Wait longer (--wait 5m), wait at the function's return (--at-return), or \(restart)."
        if busy.function == BusyThread.coroutine {
            finding.remedy =
                "Wait until it is back on its own stack (--wait 5m, or --at-return), or \(restart)."
        }
        return finding
    }
}

/// Whether it was one and the same call that was in the way at every try: then it is a loop that never returns.
struct SameCall {
    private var thread: ThreadID?
    private var frame: UInt64 = 0
    private var since = MonotonicTime.now
    private var isBroken = false
    private static let longEnough = Duration.seconds(5)

    init() {}

    mutating func note(_ attempt: Attempt) {
        guard case .busy(let busy) = attempt, busy.frameAddress != 0 else { return }
        if thread == nil {
            thread = busy.thread
            frame = busy.frameAddress
            since = MonotonicTime.now
        } else if thread != busy.thread || frame != busy.frameAddress {
            isBroken = true
        }
    }

    var isLoop: Bool { thread != nil && !isBroken && since.advanced(by: Self.longEnough) < MonotonicTime.now }
}
