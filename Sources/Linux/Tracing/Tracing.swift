import CLinux

/// The system calls of a tracer, one function each, on plain thread numbers.
///
/// This is the layer for loops over hundreds of stopped threads: nothing here allocates or throws, and
/// each function is exactly one system call. Who holds one thread at a time uses ``TracedThread``, which
/// can't forget to detach.
///
/// The rules of ptrace(2) that the types can't express:
/// - a tracee belongs to the *thread* that attached it; every call below must come from that thread;
/// - all calls but ``seize(_:options:)``, ``interrupt(_:)`` and the waits need the thread to be stopped, and
///   answer `ESRCH` otherwise: also if the thread was killed meanwhile;
/// - waits name one thread that the caller owns; the only exception is ``waitForAnyOfThisThread(block:)``.
public enum Tracing {
    /// What a wait brought: nothing yet, an error, or a change of state of one thread.
    public struct WaitAnswer: Sendable {
        /// 0: nothing to report (only without blocking); positive: the thread; else an error.
        public let result: SystemCallResult
        /// The raw status word; meaningful if ``thread`` is not nil.
        public let rawStatus: Int32

        /// The thread whose state changed; nil if none did, or on an error.
        @inlinable
        public var thread: ThreadID? {
            result.rawValue > 0 ? ThreadID(Int32(truncatingIfNeeded: result.rawValue)) : nil
        }

        /// What happened to ``thread``.
        @inlinable
        public var status: WaitStatus { WaitStatus(rawValue: rawStatus) }

        @usableFromInline
        init(result: SystemCallResult, rawStatus: Int32) {
            self.result = result
            self.rawStatus = rawStatus
        }
    }

    /// Attaches to a thread without stopping it: `PTRACE_SEIZE`.
    @inline(__always)
    public static func seize(_ thread: ThreadID, options: TraceOptions = []) -> SystemCallResult {
        request(LINUX_PTRACE_SEIZE, thread, 0, options.rawValue)
    }

    /// Asks a seized thread to stop; wait for it then: `PTRACE_INTERRUPT`.
    @inline(__always)
    public static func interrupt(_ thread: ThreadID) -> SystemCallResult {
        request(LINUX_PTRACE_INTERRUPT, thread, 0, 0)
    }

    /// Lets a stopped thread run, delivering `signal`: `PTRACE_CONT`.
    @inline(__always)
    public static func resume(_ thread: ThreadID, delivering signal: Signal = .none) -> SystemCallResult {
        request(LINUX_PTRACE_CONT, thread, 0, UInt64(UInt32(bitPattern: signal.rawValue)))
    }

    /// Lets a stopped thread run up to the next entry or exit of a system call: `PTRACE_SYSCALL`.
    @inline(__always)
    public static func resumeToSystemCall(
        _ thread: ThreadID, delivering signal: Signal = .none
    ) -> SystemCallResult {
        request(LINUX_PTRACE_SYSCALL, thread, 0, UInt64(UInt32(bitPattern: signal.rawValue)))
    }

    /// Lets a stopped thread execute one instruction: `PTRACE_SINGLESTEP`.
    @inline(__always)
    public static func step(_ thread: ThreadID, delivering signal: Signal = .none) -> SystemCallResult {
        request(LINUX_PTRACE_SINGLESTEP, thread, 0, UInt64(UInt32(bitPattern: signal.rawValue)))
    }

    /// Leaves a thread in its group stop, still reporting when that ends: `PTRACE_LISTEN`.
    @inline(__always)
    public static func listen(_ thread: ThreadID) -> SystemCallResult {
        request(LINUX_PTRACE_LISTEN, thread, 0, 0)
    }

    /// Lets go of a stopped thread, delivering `signal`: `PTRACE_DETACH`.
    ///
    /// A thread in a group stop stays stopped afterwards, as it should.
    @inline(__always)
    public static func detach(_ thread: ThreadID, delivering signal: Signal = .none) -> SystemCallResult {
        request(LINUX_PTRACE_DETACH, thread, 0, UInt64(UInt32(bitPattern: signal.rawValue)))
    }

    /// Replaces the options of a stopped thread: `PTRACE_SETOPTIONS`.
    @inline(__always)
    public static func setOptions(_ thread: ThreadID, _ options: TraceOptions) -> SystemCallResult {
        request(LINUX_PTRACE_SETOPTIONS, thread, 0, options.rawValue)
    }

    /// Waits until the thread changes state: `wait4(tid, __WALL)`.
    ///
    /// Interrupted waits go on.
    @inline(__always)
    public static func wait(_ thread: ThreadID) -> WaitAnswer {
        wait(thread.rawValue, LINUX_WALL)
    }

    /// Looks whether the thread changed state, without waiting: `wait4(tid, __WALL | WNOHANG)`.
    @inline(__always)
    public static func poll(_ thread: ThreadID) -> WaitAnswer {
        wait(thread.rawValue, LINUX_WALL | LINUX_WNOHANG)
    }

    /// Waits for *any* child or tracee of the calling thread: `wait4(-1, __WALL | __WNOTHREAD)`.
    ///
    /// Only for a thread that started all its children for this purpose: it takes the reports of all of them.
    /// Children of other threads of this process are not touched.
    @inline(__always)
    public static func waitForAnyOfThisThread(block: Bool = true) -> WaitAnswer {
        wait(-1, LINUX_WALL | LINUX_WNOTHREAD | (block ? 0 : LINUX_WNOHANG))
    }

    /// Lets go of a seized thread in whatever state it is, and of a child it has just made.
    ///
    /// The kernel detaches only stopped threads, so a running one is interrupted and waited for first; a thread
    /// in an uninterruptible sleep makes this wait. A signal that is about to be delivered at that moment is
    /// delivered, and a child that an unreported fork attached to us is let go as well.
    public static func release(_ thread: ThreadID) {
        var next: ThreadID? = thread
        while let thread = next { next = letGo(thread) }
    }

    /// Lets go of one thread; answers the child that its last event named.
    private static func letGo(_ thread: ThreadID) -> ThreadID? {
        var answer = poll(thread)
        if answer.thread == nil {
            var message: UInt64 = 0
            if eventMessage(thread, into: &message).failed {
                // Running, or gone.
                if interrupt(thread).failed { return nil }
                answer = wait(thread)
            } else {
                // In a stop: one that was reported long ago, or one that it came to behind our first look, which
                // this second look reports. Detaching without it would lose the signal it stopped for.
                answer = poll(thread)
                if answer.thread == nil {
                    if detach(thread).failed { takeNoteOfEnd(thread) }
                    return nil
                }
            }
        }
        guard answer.thread != nil, answer.status.isStopped else { return nil }
        var child: ThreadID?
        var signal = Signal.none
        switch answer.status {
        case .signalStop(let pending): signal = pending
        case .event(.fork), .event(.vfork), .event(.clone):
            var message: UInt64 = 0
            if !eventMessage(thread, into: &message).failed { child = Int32(exactly: message).map { ThreadID($0) } }
        default: break
        }
        if detach(thread, delivering: signal).failed { takeNoteOfEnd(thread) }
        return child
    }

    /// Takes the report of a thread that was killed while it stood still.
    ///
    /// Otherwise its process's execve(2) would wait for ever. A main thread's comes only behind those of all others, so
    /// it isn't waited for long.
    private static func takeNoteOfEnd(_ thread: ThreadID) {
        for _ in 0..<100 {
            let answer = poll(thread)
            if answer.thread != nil || answer.result.failed { return }
            Nap.nanoseconds(20_000)
        }
    }

    @inline(__always)
    static func request(
        _ request: Int, _ thread: ThreadID, _ address: UInt64, _ data: UInt64
    ) -> SystemCallResult {
        SystemCallResult(linux_ptrace(request, thread.rawValue, address, data))
    }

    @inline(__always)
    private static func wait(_ id: Int32, _ options: Int32) -> WaitAnswer {
        var status: Int32 = 0
        let result = retryingInterrupts {
            let answer = linux_wait(id, options)
            status = answer.status
            return answer.result
        }
        return WaitAnswer(result: result, rawStatus: status)
    }
}
