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
//
// A thread that was running when we stopped it need not wait for us at all: frames can be chained, each loading one
// call and leading to the next, the last one being the thread's own life. Such a thread is stopped once, given the
// chain and let go; it makes the calls in passing, and what came of them is seen from outside. (A thread stopped in
// a system call can't be served so, as only a tracer can have the kernel finish the wait with its remaining time.)

/// A system call for a borrowed thread.
struct RemoteCall {
    var number: SystemCallNumber
    var arguments: [6 of UInt64]
}

/// One thread of a process, stopped and ready to make system calls for us.
struct BorrowedThread: ~Copyable {
    private let thread: TracedThread
    private let original: Registers
    private let mask: UInt64
    private let extendedState: [UInt8]
    private let frame: RemoteAddress
    private let gadget: SystemCallGadget
    /// Zeroed room for what is written to the thread's stack, made before the thread was stopped.
    private var room: [UInt8]
    private var isPrepared = false
    /// Whether it was running, so that it can make calls in passing.
    let isRunning: Bool
    /// Whether it was stopped before, and stays stopped when it is given back.
    private let isHeld: Bool
    /// Where a few hundred bytes of arguments may be put while the thread is borrowed.
    let scratch: RemoteAddress

    /// The most calls of one chain.
    private static let longestChain = 8
    private static let linkSize: UInt64 = 448
    private static let scratchSize: UInt64 = 512

    /// Stops a thread; nil if it is in a state in which it can't be borrowed.
    static func borrow(
        _ id: ThreadID, of process: ProcessID, _ space: AddressSpace, _ memory: borrowing RemoteMemory,
        _ gadget: SystemCallGadget, suspendingSeccomp: Bool, _ orphans: Orphans,
        isHeld: Bool = false
    ) throws(SystemError) -> BorrowedThread? {
        var options: TraceOptions = [.markSystemCalls]
        if suspendingSeccomp { options.insert(.suspendSeccomp) }
        let room = [UInt8](repeating: 0, count: Int(linkSize) * longestChain + Int(scratchSize) + (20 << 10))
        var state = [UInt8](repeating: 0, count: 16 << 10)
        SignalFrame.prepare()
        let thread: TracedThread
        var isGroupStopped = false
        if isHeld {
            thread = TracedThread.adopt(id, orphans)
            try thread.setOptions(options)
        } else {
            thread = try TracedThread.seize(id, options: options, orphans)
            try thread.interrupt()
            guard let stopped = try stop(thread) else { return nil }
            isGroupStopped = stopped
        }
        let registers = try thread.registers()
        guard registers.runs64BitCode, try !isInRestartableSequence(thread, registers, memory) else { return nil }
        try Tracing.extendedState(id, into: &state)
        guard let frame = place(state, registers, space),
            let scratch = frame.subtracting(scratchSize)
        else { return nil }
        let mask = try thread.signalMask()
        return BorrowedThread(
            thread: thread, original: registers, mask: mask, extendedState: state,
            frame: frame, gadget: gadget, room: room,
            isRunning: registers.systemCall < 0 && !suspendingSeccomp && !isGroupStopped && !isHeld,
            isHeld: isHeld, scratch: scratch)
    }

    /// Waits for the stop that was asked for; signals that are delivered first go their way.
    ///
    /// - Returns: whether it is a group stop; nil if the thread doesn't stop.
    private static func stop(_ thread: borrowing TracedThread) throws(SystemError) -> Bool? {
        let deadline = MonotonicTime.now.advanced(by: .milliseconds(200))
        while let status = try next(thread, deadline) {
            switch status {
            case .interruptStop: return false
            case .groupStop: return true
            case .signalStop(let signal): try thread.resume(delivering: signal)
            case .exited, .killed: return nil
            default: try thread.resume()
            }
        }
        return nil
    }

    /// The next report, at most until the deadline: first by asking without a pause, as it mostly comes at once.
    private static func next(
        _ thread: borrowing TracedThread, _ deadline: MonotonicTime
    ) throws(SystemError) -> WaitStatus? {
        for _ in 0..<100 {
            if let status = try thread.poll() { return status }
            Nap.yield()
        }
        return try thread.wait(until: deadline)
    }

    /// Where the frame goes: on the stack that the thread is on, 64-byte aligned, behind the red zone.
    static func place(
        _ state: [UInt8], _ registers: Registers, _ space: AddressSpace
    ) -> RemoteAddress? {
        let sp = registers.stackPointer
        let need = Registers.redZone + UInt64(SignalFrame.size(extendedState: state))
        guard let frame = sp.subtracting(need)?.alignedDown(to: 64), let lowest = frame.subtracting(8 << 10),
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

    /// The frame that leads back into the thread's own life.
    private func wayBack() -> SignalFrame {
        SignalFrame(
            registers: original.forReturn, mask: mask, extendedState: extendedState, address: frame,
            restorer: gadget.restorer)
    }

    /// Writes the way back, and what was put into ``room`` in front of it, to the thread's stack in one go.
    private mutating func writeRoom(from start: RemoteAddress, _ memory: borrowing RemoteMemory) throws(SystemError)
    {
        let offset = Int(frame.rawValue - start.rawValue)
        wayBack().write(into: &room, at: offset)
        try memory.write(room, count: offset + SignalFrame.size(extendedState: extendedState), at: start)
    }

    // MARK: Calls one by one

    /// Makes one system call and answers its value or `-errno`.
    mutating func call(_ call: RemoteCall, _ memory: borrowing RemoteMemory) throws(SystemError) -> Int64 {
        if !isPrepared { try writeRoom(from: frame, memory) }
        var registers = original
        registers.prepareReturn(gadget: gadget.call, frame: frame)
        try thread.setRegisters(registers)
        if !isPrepared { try thread.setSignalMask(~0) }
        isPrepared = true
        try thread.resumeToSystemCall()
        try reach { $0 == .systemCallStop }
        registers.replaceSystemCall(call.number, call.arguments, gadget: gadget.call, frame: frame)
        try thread.setRegisters(registers)
        try stopAgain()
        return try thread.registers().systemCallAnswer
    }

    /// Waits for a stop; what comes in between (only signals that can't be blocked) goes its way.
    private func reach(_ wanted: (WaitStatus) -> Bool) throws(SystemError) {
        let deadline = MonotonicTime.now.advanced(by: .milliseconds(500))
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

    // MARK: Functions

    /// Has the thread run a function of the process, and answers whether it returned.
    ///
    /// Its return address is a `ret` whose own return address leads to rt_sigreturn and so into the thread's life:
    /// by itself, the thread goes on as if nothing had been. No signal is delivered meanwhile. A function that
    /// crashes, or isn't done in time, is given up; what it has done until then stays done.
    ///
    /// - Parameters:
    ///   - arguments: up to three.
    ///   - limit: how long it may take.
    mutating func callFunction(
        _ function: RemoteAddress, _ arguments: [3 of UInt64], within limit: Duration,
        _ memory: borrowing RemoteMemory
    ) throws(SystemError) -> Bool {
        guard let entry = frame.subtracting(8), let behindCall = gadget.call.adding(2) else { return false }
        if !isPrepared { try writeRoom(from: frame, memory) }
        try memory.write(word: behindCall.rawValue, at: entry)
        var registers = original
        registers.prepareFunctionCall(function, arguments, stackPointer: entry)
        try thread.setRegisters(registers)
        if !isPrepared { try thread.setSignalMask(~0) }
        isPrepared = true
        guard try runsToReturn(MonotonicTime.now.advanced(by: limit)) else { return false }
        registers.replaceSystemCall(
            .close, [~0, 0, 0, 0, 0, 0], gadget: gadget.call, frame: frame)
        try thread.setRegisters(registers)
        try stopAgain()
        return true
    }

    /// Lets the thread run until it enters rt_sigreturn; false if it crashes or takes too long, and then it stands
    /// still.
    private func runsToReturn(_ deadline: MonotonicTime) throws(SystemError) -> Bool {
        try thread.resumeToSystemCall()
        while let status = try Self.next(thread, deadline) {
            switch status {
            case .systemCallStop:
                if try thread.registers().systemCall == Int64(SystemCallNumber.sigreturn.rawValue) { return true }
            case .signalStop: return false
            case .exited, .killed:
                throw SystemError(call: "ptrace", errno: .noSuchProcess, object: "thread \(thread.id)")
            default: break
            }
            try thread.resumeToSystemCall()
        }
        try thread.interrupt()
        try reach { status in
            switch status {
            case .interruptStop, .groupStop, .signalStop: true
            default: false
            }
        }
        return false
    }

    private func stopAgain() throws(SystemError) {
        try thread.interrupt()
        try thread.resume()
        try reach { status in
            switch status {
            case .interruptStop, .groupStop: true
            default: false
            }
        }
    }

    /// Whether some word of its stack, or its next instruction, lies in one of the ranges; true if that can't be
    /// said.
    func mayBeIn(
        _ ranges: [RemoteRange], _ space: AddressSpace, _ memory: borrowing RemoteMemory
    ) -> Bool {
        if ranges.contains(where: { $0.contains(original.instructionPointer) }) { return true }
        guard let stack = space.ownStack(sp: original.stackPointer, threadPointer: original.threadPointer),
            stack.count <= 8 << 20, let bytes = try? memory.bytes(stack)
        else { return true }
        var at = 0
        while at + 8 <= bytes.count {
            var word: UInt64 = 0
            for byte in (0..<8).reversed() { word = word << 8 | UInt64(bytes[at + byte]) }
            if ranges.contains(where: { $0.contains(RemoteAddress(word)) }) { return true }
            at += 8
        }
        return false
    }

    /// The system call that it was stopped in; negative if it was running.
    var systemCall: Int64 { original.systemCall }

    /// Gives the thread back as it was.
    consuming func giveBack() throws(SystemError) {
        if isPrepared { try thread.setSignalMask(mask) }
        var registers = original
        if registers.interruptedByStop { registers.systemCallAnswer = Registers.restartUnlessHandled }
        if isPrepared || registers.interruptedByStop { try thread.setRegisters(registers) }
        let isHeld = isHeld
        let thread = thread
        if isHeld { _ = thread.takeOver() } else { try thread.detach() }
    }

    // MARK: Calls in passing

    /// Gives a running thread a chain of calls and lets it go.
    ///
    /// - Parameter argument: bytes that the calls find at ``scratch``.
    mutating func pass(
        _ calls: [RemoteCall], argument: [UInt8] = [], _ memory: borrowing RemoteMemory
    ) throws(SystemError) {
        guard let first = calls.first, calls.count <= Self.longestChain, argument.count <= Int(Self.scratchSize)
        else { throw SystemError(call: "chain", errno: .invalidArgument, object: "thread \(thread.id)") }
        // In memory from low to high: one link for each call but the first, the argument, the way back. No more is
        // written than this chain needs, as the thread waits meanwhile.
        let links = UInt64(calls.count - 1) * Self.linkSize
        guard let start = scratch.subtracting(links) else {
            throw SystemError(call: "chain", errno: .badAddress, object: "thread \(thread.id)")
        }
        room.replaceSubrange(Int(links)..<Int(links) + argument.count, with: argument)
        var next = frame
        for index in calls.indices.dropFirst().reversed() {
            let offset = UInt64(index - 1) * Self.linkSize
            guard let at = start.adding(offset) else { continue }
            var registers = original
            registers.prepareSystemCall(
                calls[index].number, calls[index].arguments, gadget: gadget.call, frame: next)
            SignalFrame(
                registers: registers, mask: ~0, extendedState: [], address: at, restorer: gadget.restorer
            ).write(into: &room, at: Int(offset))
            next = at
        }
        try writeRoom(from: start, memory)
        var registers = original
        registers.prepareSystemCall(first.number, first.arguments, gadget: gadget.call, frame: next)
        try thread.setRegisters(registers)
        try thread.setSignalMask(~0)
    }

    /// Lets a thread go to which ``pass(_:argument:_:)`` gave a chain.
    consuming func letGo() throws(SystemError) {
        let thread = thread
        try thread.detach()
    }
}
