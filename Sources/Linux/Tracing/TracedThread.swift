/// One thread of another process that this thread traces; lets go of it when it goes out of scope.
///
/// Attached by ``seize(_:options:)``; every call must come from the thread that seized it (ptrace(2)).
/// Dropping the value detaches: a thread that isn't stopped is interrupted first, because the kernel
/// detaches only stopped ones.
public struct TracedThread: ~Copyable {
    /// Which thread.
    public let id: ThreadID
    private let orphans: Orphans?
    private var isOurs = true

    private init(id: ThreadID, _ orphans: Orphans?) {
        self.id = id
        self.orphans = orphans
    }

    /// Attaches to a thread without stopping it.
    ///
    /// - Parameter orphans: takes over a thread that can't be let go at the end; without it, its end is waited for.
    /// - Throws: EPERM if another tracer has it, it is a kernel thread, or the rights are missing; ESRCH if
    ///   it has gone.
    public static func seize(
        _ id: ThreadID, options: TraceOptions = [], _ orphans: Orphans? = nil
    ) throws(SystemError) -> TracedThread {
        let result = try orphans?.seize(id, options: options) ?? Tracing.seize(id, options: options)
        try result.check("ptrace(PTRACE_SEIZE)", "thread \(id)")
        return TracedThread(id: id, orphans)
    }

    /// Takes the duty to detach a thread that this operating system thread has seized already.
    public static func adopt(_ id: ThreadID, _ orphans: Orphans? = nil) -> TracedThread {
        TracedThread(id: id, orphans)
    }

    deinit {
        guard isOurs else { return }
        if let orphans { orphans.release(id) } else { Tracing.release(id) }
    }

    /// Asks the thread to stop; ``wait()`` tells when it did.
    public borrowing func interrupt() throws(SystemError) {
        try Tracing.interrupt(id).check("ptrace(PTRACE_INTERRUPT)", "thread \(id)")
    }

    /// Waits for the next change of state.
    public borrowing func wait() throws(SystemError) -> WaitStatus {
        let answer = Tracing.wait(id)
        try answer.result.check("wait4", "thread \(id)")
        return answer.status
    }

    /// Looks for a change of state without waiting; nil if there was none.
    public borrowing func poll() throws(SystemError) -> WaitStatus? {
        let answer = Tracing.poll(id)
        return try answer.result.check("wait4", "thread \(id)") == 0 ? nil : answer.status
    }

    /// Waits for the next change of state up to a deadline; nil if it passed.
    ///
    /// A thread in an uninterruptible sleep can't stop before that ends.
    public borrowing func wait(until deadline: MonotonicTime) throws(SystemError) -> WaitStatus? {
        var backoff = Backoff(deadline: deadline)
        while true {
            if let status = try poll() { return status }
            if !backoff.pause() { return try poll() }
        }
    }

    /// Lets the stopped thread run.
    public borrowing func resume(delivering signal: Signal = .none) throws(SystemError) {
        try Tracing.resume(id, delivering: signal).check("ptrace(PTRACE_CONT)", "thread \(id)")
    }

    /// Lets the stopped thread run up to the next entry or exit of a system call.
    public borrowing func resumeToSystemCall(delivering signal: Signal = .none) throws(SystemError) {
        try Tracing.resumeToSystemCall(id, delivering: signal)
            .check("ptrace(PTRACE_SYSCALL)", "thread \(id)")
    }

    /// Lets the stopped thread execute one instruction.
    public borrowing func step(delivering signal: Signal = .none) throws(SystemError) {
        try Tracing.step(id, delivering: signal).check("ptrace(PTRACE_SINGLESTEP)", "thread \(id)")
    }

    /// Leaves the thread in its group stop, still reporting when that ends.
    public borrowing func listen() throws(SystemError) {
        try Tracing.listen(id).check("ptrace(PTRACE_LISTEN)", "thread \(id)")
    }

    /// Replaces the options of the stopped thread.
    public borrowing func setOptions(_ options: TraceOptions) throws(SystemError) {
        try Tracing.setOptions(id, options).check("ptrace(PTRACE_SETOPTIONS)", "thread \(id)")
    }

    /// Lets go of the stopped thread.
    public consuming func detach(delivering signal: Signal = .none) throws(SystemError) {
        let id = id
        let result = Tracing.detach(id, delivering: signal)
        // Otherwise the end of this function lets go of it in whatever state it is.
        if !result.failed { _ = takeOver() }
        try result.check("ptrace(PTRACE_DETACH)", "thread \(id)")
    }

    /// Gives the duty to detach to the caller, who goes on with the functions of ``Tracing``.
    public consuming func takeOver() -> ThreadID {
        isOurs = false
        return id
    }
}

extension TracedThread {
    /// The general registers of the stopped thread.
    public borrowing func registers() throws(SystemError) -> Registers {
        var registers = Registers()
        try Tracing.registers(id, into: &registers).check("ptrace(PTRACE_GETREGS)", "thread \(id)")
        return registers
    }

    /// Replaces the general registers of the stopped thread.
    public borrowing func setRegisters(_ registers: Registers) throws(SystemError) {
        try Tracing.setRegisters(id, registers).check("ptrace(PTRACE_SETREGS)", "thread \(id)")
    }

    /// The blocked signals of the stopped thread, bit n-1 for signal n.
    public borrowing func signalMask() throws(SystemError) -> UInt64 {
        var mask: UInt64 = 0
        try Tracing.signalMask(id, into: &mask).check("ptrace(PTRACE_GETSIGMASK)", "thread \(id)")
        return mask
    }

    /// Replaces the blocked signals of the stopped thread.
    public borrowing func setSignalMask(_ mask: UInt64) throws(SystemError) {
        try Tracing.setSignalMask(id, mask).check("ptrace(PTRACE_SETSIGMASK)", "thread \(id)")
    }

    /// The signal that stopped the thread.
    public borrowing func signalInformation() throws(SystemError) -> SignalInformation {
        var information = SignalInformation()
        try Tracing.signalInformation(id, into: &information)
            .check("ptrace(PTRACE_GETSIGINFO)", "thread \(id)")
        return information
    }

    /// The number that came with the last event.
    public borrowing func eventMessage() throws(SystemError) -> UInt64 {
        var message: UInt64 = 0
        try Tracing.eventMessage(id, into: &message).check("ptrace(PTRACE_GETEVENTMSG)", "thread \(id)")
        return message
    }

    /// The thread's registration for restartable sequences.
    public borrowing func restartableSequences() throws(SystemError) -> RestartableSequences {
        var configuration = RestartableSequences()
        try Tracing.restartableSequences(id, into: &configuration)
            .check("ptrace(PTRACE_GET_RSEQ_CONFIGURATION)", "thread \(id)")
        return configuration
    }
}
