import Linux

// Waiting at a function's return, on request. A thread that is in the function is followed from system call to system
// call, and held at the first one that it makes outside. It runs at its own pace meanwhile, a little slower at each
// call, and everybody else isn't touched.
//
// Breakpoints, single steps and changed return addresses would catch it at the very return, but each of them kills
// or misleads the program if we die meanwhile. A stop at a system call doesn't: the kernel lets the thread go on.
// What leaves the function and comes back without a system call between isn't caught here, only by trying.

/// Follows busy threads.
enum ReturnWait {
    /// Follows a thread until it is outside of the watched code.
    ///
    /// - Returns: the thread, attached and stopped; nil if that didn't come, in which case it isn't attached.
    static func follow(
        _ busy: BusyThread, _ unwinder: Unwinder, _ watch: borrowing WatchIndex, _ space: AddressSpace,
        _ orphans: Orphans, until deadline: MonotonicTime
    ) -> HeldThread? {
        guard let seized = try? orphans.seize(busy.thread, options: .markSystemCalls), !seized.failed else {
            return nil
        }
        var isOurs = true
        defer { if isOurs { orphans.release(busy.thread) } }
        guard !Tracing.interrupt(busy.thread).failed else { return nil }
        var thread = HeldThread(busy.thread, busy.process)
        while let status = next(busy.thread, deadline) {
            switch status {
            case .systemCallStop, .interruptStop:
                guard !Tracing.registers(thread.id, into: &thread.registers).failed else { return nil }
                thread.verdict = .elsewhere
                if unwinder.walk(thread, watch, space).isFree {
                    thread.phase = .stopped
                    thread.stoppedForUs = true
                    isOurs = false
                    return thread
                }
                if Tracing.resumeToSystemCall(thread.id).failed { return nil }
            case .signalStop(let signal):
                if Tracing.resumeToSystemCall(thread.id, delivering: signal).failed { return nil }
            case .event: if Tracing.resumeToSystemCall(thread.id).failed { return nil }
            // Stopped as a whole, or ended: nothing to wait for.
            case .groupStop, .exited, .killed, .continued, .unknown: return nil
            }
        }
        return nil
    }

    private static func next(_ thread: ThreadID, _ deadline: MonotonicTime) -> WaitStatus? {
        var nap: UInt64 = 20_000
        while true {
            let answer = Tracing.poll(thread)
            if answer.thread != nil { return answer.status }
            guard !answer.result.failed, MonotonicTime.now < deadline else { return nil }
            Nap.nanoseconds(nap)
            nap = min(nap * 2, 1_000_000)
        }
    }
}
