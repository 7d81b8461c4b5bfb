import CLinux

/// Threads that this operating system thread still traces and should have let go of, but couldn't.
///
/// The kernel detaches only stopped threads: one that was asked to stop and didn't in time stays attached, and stays
/// stopped once it stops. One that is killed while it stands still can't be detached either, and its process's
/// execve(2) waits until its end is taken note of. So all of them are asked about again and again while the operating
/// system thread works on, and let go at once. When that thread ends, the kernel detaches whoever is left.
public final class Orphans {
    private var threads: [ThreadID] = []

    /// Begins with none.
    public init() {}

    /// Takes over the duty to let a thread go that was asked to stop, or is about to end.
    public func adopt(_ thread: ThreadID) { threads.append(thread) }

    /// Whether a thread is among them.
    public func contains(_ thread: ThreadID) -> Bool { threads.contains(thread) }

    /// Lets go of a traced thread in whatever state it is, without waiting for it: at once if it has stopped, as an
    /// orphan if not.
    public func release(_ thread: ThreadID) {
        if Self.isLetGo(thread) { return }
        var message: UInt64 = 0
        if Tracing.eventMessage(thread, into: &message).failed {
            // Running, or gone.
            _ = Tracing.interrupt(thread)
            if Self.isLetGo(thread) { return }
        } else {
            // In a stop: one that was reported long ago, or one that it came to behind our first look, which this
            // second look reports. Detaching without it would lose the signal that it stopped for.
            if Self.isLetGo(thread) { return }
            Self.restartCall(thread)
            if !Tracing.detach(thread).failed { return }
        }
        adopt(thread)
    }

    /// Lets those go that have stopped; answers how many are left.
    @discardableResult
    public func settle() -> Int {
        threads.removeAll(where: Self.isLetGo)
        return threads.count
    }

    /// Waits until all are let go, at most until the deadline; false if some are left.
    public func settle(until deadline: MonotonicTime) -> Bool {
        var nap: UInt64 = 50_000
        while settle() > 0 {
            guard MonotonicTime.now < deadline else { return false }
            Nap.nanoseconds(nap)
            nap = min(nap * 2, 2_000_000)
        }
        return true
    }

    /// Whether a thread isn't attached any more, after a look at it.
    private static func isLetGo(_ thread: ThreadID) -> Bool {
        while true {
            let answer = Tracing.poll(thread)
            guard answer.thread != nil else { return answer.result.failed }
            if letGo(thread, answer.status) { return true }
            // Killed while it stood still: its end is still to be reported.
        }
    }

    /// Lets go of a thread that has just been reported; false if it is only now ending.
    @discardableResult
    public static func letGo(_ thread: ThreadID, _ status: WaitStatus) -> Bool {
        guard status.isStopped else { return true }
        var signal = Signal.none
        if case .signalStop(let caught) = status {
            signal = caught
        } else {
            restartCall(thread)
        }
        return !Tracing.detach(thread, delivering: signal).failed
    }

    /// Has a call made again that only our stop ended.
    private static func restartCall(_ thread: ThreadID) {
        var registers = Registers()
        guard !Tracing.registers(thread, into: &registers).failed, registers.interruptedByStop else { return }
        _ = Tracing.setSystemCallAnswer(thread, Registers.restartUnlessHandled)
    }

    /// Attaches to a thread, among others that are attached already and of which some may end meanwhile.
    ///
    /// One of their process's threads may be in execve(2), which waits until all others have ended *and* their
    /// tracer has taken note, and lets nobody attach meanwhile. An armed ``StopAlarm`` takes note of those that end:
    /// the orphans, and those that are named here.
    ///
    /// - Parameter attached: entries of any kind that begin with a thread's id.
    @inline(__always)
    public func seize<Entry>(
        _ thread: ThreadID, options: TraceOptions = [], among attached: UnsafeBufferPointer<Entry>
    ) -> SystemCallResult {
        unsafe threads.withUnsafeBufferPointer { orphans in
            // Sound: the handler reads an id at the start of each entry, and both buffers outlive the call.
            unsafe SystemCallResult(
                linux_seize_among(thread.rawValue, options.rawValue, .init(attached), .init(orphans)))
        }
    }

    /// Attaches to a thread of which no other is attached except orphans.
    public func seize(_ thread: ThreadID, options: TraceOptions = []) throws(SystemError) -> SystemCallResult {
        // With nobody to take note of there is nothing to be alarmed for.
        if threads.isEmpty { return Tracing.seize(thread, options: options) }
        let alarm = try StopAlarm()
        alarm.set(nanoseconds: StopAlarm.usualPeriod)
        defer { alarm.set(nanoseconds: 0) }
        return unsafe seize(thread, options: options, among: UnsafeBufferPointer<ThreadID>(start: nil, count: 0))
    }
}

extension linux_thread_list {
    @inline(__always)
    fileprivate init<Entry>(_ entries: UnsafeBufferPointer<Entry>) {
        unsafe self.init(
            first: UnsafeRawPointer(entries.baseAddress)?.assumingMemoryBound(to: CChar.self),
            stride: MemoryLayout<Entry>.stride, count: entries.count)
    }
}
