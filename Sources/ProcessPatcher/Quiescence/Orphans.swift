import Linux

/// Threads that were asked to stop and didn't in time: still attached, to be let go as soon as they do.
///
/// The kernel detaches only stopped threads, and whoever is attached stays stopped once it stops. So they are asked
/// about again and again while their operating system thread works on, and let go at once. When that thread ends, the
/// kernel detaches whoever is left.
final class Orphans {
    private var threads: [ThreadID] = []

    /// Takes over the duty to let a thread go that was asked to stop.
    func adopt(_ thread: ThreadID) { threads.append(thread) }

    /// Whether a thread is among them.
    func contains(_ thread: ThreadID) -> Bool { threads.contains(thread) }

    /// Lets those go that have stopped; answers how many are left.
    @discardableResult
    func settle() -> Int {
        threads.removeAll { thread in
            let answer = Tracing.poll(thread)
            guard answer.thread != nil else { return answer.result.failed }
            var signal = Signal.none
            if case .signalStop(let caught) = answer.status { signal = caught }
            _ = Tracing.detach(thread, delivering: signal)
            return true
        }
        return threads.count
    }

    /// Waits until all are let go, at most until the deadline; false if some are left.
    func settle(until deadline: MonotonicTime) -> Bool {
        var nap: UInt64 = 50_000
        while settle() > 0 {
            guard MonotonicTime.now < deadline else { return false }
            Nap.nanoseconds(nap)
            nap = min(nap * 2, 2_000_000)
        }
        return true
    }
}
