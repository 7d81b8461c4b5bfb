import Findings
import Linux

// Borrowing a thread for a few system calls that only the process itself can make (mmap, memfd_create).
//
// We may be killed at any instant, and the kernel then detaches and lets the thread run with whatever registers it
// has. So at every instant the registers lead back into the thread's own life:
//
//   1. A whole signal frame with the thread's own registers, signal mask and vector state is written below its
//      stack pointer, where nothing is in use (behind the red zone).
//   2. The registers point at an instruction `syscall` (followed by `ret`) with rt_sigreturn loaded and the stack
//      pointer at the frame: by itself, the thread returns to where it was.
//   3. At the *entry* of that call we exchange the call for the one we want. Behind the `syscall`, `ret` pops the
//      frame's first word, the address of the C library's own rt_sigreturn code: by itself, it returns again.
//   4. PTRACE_INTERRUPT is pending meanwhile, so that the thread stops right behind the call, in the place where
//      the kernel looks for signals, and where it will do its own restart of the call that we interrupted.
//   5. First the signal mask, then the registers are put back; the kernel restarts the thread's interrupted call
//      as if nothing had happened, remaining time and all.
//
// The thread holds no lock that these calls could need, because they take none in user space.

/// One thread of a process, stopped and ready to make system calls for us.
struct BorrowedThread: ~Copyable {
    private let thread: TracedThread
    private let original: Registers
    private let mask: UInt64
    private let frame: RemoteAddress
    private let gadget: SystemCallGadget
    private var isMasked = false
    /// Where a few hundred bytes of arguments may be put while the thread is borrowed.
    let scratch: RemoteAddress

    /// How long the thread may take to stop.
    private struct Deadline { let end: MonotonicTime }

    /// Stops a thread and prepares its way back; nil if it is in a state in which it can't be borrowed.
    static func borrow(
        _ id: ThreadID, of process: ProcessID, _ space: AddressSpace, _ memory: borrowing RemoteMemory,
        _ gadget: SystemCallGadget, suspendingSeccomp: Bool
    ) throws(SystemError) -> BorrowedThread? {
        var options: TraceOptions = [.markSystemCalls]
        if suspendingSeccomp { options.insert(.suspendSeccomp) }
        let deadline = Deadline(end: MonotonicTime.now.advanced(by: .milliseconds(20)))
        let thread = try TracedThread.seize(id, options: options)
        try thread.interrupt()
        guard try stop(thread, deadline) else { return nil }
        let registers = try thread.registers()
        guard registers.runs64BitCode, try !isInRestartableSequence(thread, registers, memory) else { return nil }
        let state = try Tracing.extendedState(id)
        guard let frame = place(state, registers, space) else { return nil }
        let mask = try thread.signalMask()
        let bytes = SignalFrame(
            registers: registers.forReturn, mask: mask, extendedState: state, address: frame,
            restorer: gadget.restorer
        ).bytes
        try memory.write(bytes, at: frame)
        guard let scratch = frame.subtracting(512) else { return nil }
        return BorrowedThread(
            thread: thread, original: registers, mask: mask, frame: frame, gadget: gadget, scratch: scratch)
    }

    /// Waits for the stop that was asked for; signals that are delivered first go their way.
    private static func stop(_ thread: borrowing TracedThread, _ deadline: Deadline) throws(SystemError) -> Bool {
        while let status = try next(thread, deadline) {
            switch status {
            case .interruptStop, .groupStop: return true
            case .signalStop(let signal): try thread.resume(delivering: signal)
            case .exited, .killed: return false
            default: try thread.resume()
            }
        }
        return false
    }

    /// The next report, at most until the deadline: first by asking without a pause, as it mostly comes at once.
    private static func next(
        _ thread: borrowing TracedThread, _ deadline: Deadline
    ) throws(SystemError) -> WaitStatus? {
        for _ in 0..<200 {
            if let status = try thread.poll() { return status }
        }
        return try thread.wait(until: deadline.end)
    }

    /// Where the frame goes: on the stack that the thread is on, 64-byte aligned, behind the red zone.
    private static func place(
        _ state: [UInt8], _ registers: Registers, _ space: AddressSpace
    ) -> RemoteAddress? {
        let sp = registers.stackPointer
        let need = Registers.redZone + UInt64(SignalFrame.size(extendedState: state))
        guard let frame = sp.subtracting(need)?.alignedDown(to: 64), let lowest = frame.subtracting(1024),
            let stack = space.mapping(at: sp)
        else { return nil }
        guard stack.area.permissions.contains([.read, .write]), !stack.area.permissions.contains(.shared) else {
            return nil
        }
        let isOwn = space.ownStack(sp: sp, threadPointer: registers.threadPointer) != nil
        // A stack that we don't know may be small, and what lies below its end may be someone's data.
        let room = isOwn ? UInt64(0) : 16 << 10
        guard let limit = lowest.subtracting(room), limit >= stack.area.start else { return nil }
        return frame
    }

    /// Whether the thread is inside a critical section of rseq(2), which must not be left and entered again.
    private static func isInRestartableSequence(
        _ thread: borrowing TracedThread, _ registers: Registers, _ memory: borrowing RemoteMemory
    ) throws(SystemError) -> Bool {
        if registers.systemCall >= 0 { return false }
        guard let area = try? thread.restartableSequences().area, area.rawValue != 0,
            let field = area.adding(8)
        else { return false }
        let section = try memory.word(at: field)
        if section == 0 { return false }
        guard let startField = RemoteAddress(section).adding(8), let countField = startField.adding(8) else {
            return true
        }
        let start = try memory.word(at: startField)
        let count = try memory.word(at: countField)
        return registers.instructionPointer.rawValue &- start < count
    }

    /// Makes one system call and answers its value or `-errno`.
    mutating func call(_ number: SystemCallNumber, _ arguments: [6 of UInt64]) throws(SystemError) -> Int64 {
        var registers = original
        registers.prepareReturn(gadget: gadget.call, frame: frame)
        try thread.setRegisters(registers)
        if !isMasked {
            try thread.setSignalMask(~0)
            isMasked = true
        }
        try thread.resumeToSystemCall()
        try reach { status in status == .systemCallStop }
        registers.replaceSystemCall(number, arguments, frame: frame)
        registers.instructionPointer = try thread.registers().instructionPointer
        try thread.setRegisters(registers)
        try thread.interrupt()
        try thread.resume()
        try reach { status in
            switch status {
            case .interruptStop, .groupStop: true
            default: false
            }
        }
        return try thread.registers().systemCallAnswer
    }

    /// Waits for a stop; what comes in between (only signals that can't be blocked) goes its way.
    private func reach(_ wanted: (WaitStatus) -> Bool) throws(SystemError) {
        let deadline = Deadline(end: MonotonicTime.now.advanced(by: .milliseconds(500)))
        while let status = try Self.next(thread, deadline) {
            if wanted(status) { return }
            switch status {
            case .signalStop(let signal): try thread.resumeToSystemCall(delivering: signal)
            case .exited, .killed:
                throw SystemError(call: "ptrace", errno: .noSuchProcess, object: "thread \(thread.id)")
            default: try thread.resumeToSystemCall()
            }
        }
        throw SystemError(call: "ptrace", errno: .timedOut, object: "thread \(thread.id)")
    }

    /// Gives the thread back as it was.
    consuming func giveBack() throws(SystemError) {
        if isMasked { try thread.setSignalMask(mask) }
        var registers = original
        if registers.interruptedByStop { registers.systemCallAnswer = Registers.restartUnlessHandled }
        try thread.setRegisters(registers)
        let thread = thread
        try thread.detach()
    }
}
