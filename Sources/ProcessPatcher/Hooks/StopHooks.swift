import Linux
import LivePatch

// Running hooks while everybody stands still.
//
// One of the held threads runs the hook, the others stay. As with a borrowed thread, the way back into its own life
// lies on its stack as a whole signal frame before it is sent anywhere: if we die, it finds back by itself.

/// The hooks of one transaction that run inside the stop.
struct StopHooks {
    /// Run before anything changes.
    var forward: [InstalledPatch.Hook] = []
    /// Run when one of those refuses, or the change fails, after at least one of them has run.
    var backward: [InstalledPatch.Hook] = []
    /// Whether a refusal stands in the way.
    ///
    /// It doesn't where the change only takes back what a killed patcher began.
    var isBinding = true
    let gadget: SystemCallGadget
    let space: AddressSpace
    let memory: ProcessMemory

    private static let limit: UInt64 = 500_000_000

    /// Notes that none of them has run: see ``Recovery``.
    func reset() throws(PatcherError) {
        for hook in forward {
            try onProcess(memory.process) { () throws(SystemError) in try HookRecord.reset(hook, memory) }
        }
    }

    /// Runs the hooks; answers the first refusal.
    func run(_ hold: inout ThreadHold) -> HookFailure? {
        for (index, hook) in forward.enumerated() {
            guard let failure = run(hook, &hold), isBinding else { continue }
            if index > 0 { takeBack(&hold) }
            return failure
        }
        return nil
    }

    /// Runs the hooks that take back what ``run(_:)`` has done.
    func takeBack(_ hold: inout ThreadHold) {
        for hook in backward { _ = run(hook, &hold) }
    }

    private func run(_ hook: InstalledPatch.Hook, _ hold: inout ThreadHold) -> HookFailure? {
        guard let function = try? HookRecord.begin(hook, memory) else {
            return HookFailure(hook: hook, reason: "its record can't be written")
        }
        // Threads that wait in a system call first: they hold no lock of the C library's fast paths.
        let indices = (0..<hold.count).filter { suits(unsafe hold.threads[$0]) }
        let ordered = indices.filter { unsafe hold.threads[$0].registers.systemCall >= 0 }
        for index in ordered + indices.filter({ !ordered.contains($0) }) {
            let thread = unsafe hold.threads[index]
            guard let call = StoppedCall(thread, gadget, space, memory) else { continue }
            return HookRecord.end(hook, returned: call.run(function, hook.record.rawValue, Self.limit), memory)
        }
        return HookFailure(hook: hook, reason: "no thread is in a state in which it could run it")
    }

    private func suits(_ thread: HeldThread) -> Bool {
        thread.phase == .stopped && (thread.stoppedForUs || thread.isKept) && thread.signal == .none
            && thread.registers.runs64BitCode && thread.process == memory.process
    }
}

/// A function call on a thread that is held already.
struct StoppedCall {
    private let thread: ThreadID
    private let original: Registers
    private let mask: UInt64
    private let frame: RemoteAddress
    private let entry: RemoteAddress
    private let gadget: SystemCallGadget

    /// Writes the way back to the thread's stack; nil if that can't be done.
    init?(_ held: HeldThread, _ gadget: SystemCallGadget, _ space: AddressSpace, _ memory: ProcessMemory) {
        let id = held.id
        var state = [UInt8](repeating: 0, count: 16 << 10)
        var mask: UInt64 = 0
        guard !Tracing.setOptions(id, [.markSystemCalls]).failed,
            (try? Tracing.extendedState(id, into: &state)) != nil, !Tracing.signalMask(id, into: &mask).failed,
            held.registers.systemCall >= 0 || !Self.isInRestartableSequence(id, memory),
            let frame = BorrowedThread.place(state, held.registers, space), let entry = frame.subtracting(8)
        else { return nil }
        (thread, original, self.mask, self.frame, self.entry, self.gadget) = (
            id, held.registers, mask, frame, entry, gadget
        )
        var room = [UInt8](repeating: 0, count: SignalFrame.size(extendedState: state))
        SignalFrame(
            registers: original.forReturn, mask: mask, extendedState: state, address: frame,
            restorer: gadget.restorer
        ).write(into: &room, at: 0)
        guard let behind = gadget.call.adding(2)?.rawValue else { return nil }
        guard (try? memory.remote.write(behind.littleEndianBytes + room, at: entry)) != nil else { return nil }
    }

    /// Whether the thread may be inside a critical section of rseq(2); true if that can't be said.
    private static func isInRestartableSequence(_ id: ThreadID, _ memory: ProcessMemory) -> Bool {
        var sequences = RestartableSequences()
        // A kernel that can't say it knows no such sections for tracers; before 4.18 there are none at all.
        guard !Tracing.restartableSequences(id, into: &sequences).failed else { return false }
        guard sequences.area.rawValue != 0, let field = sequences.area.adding(8) else { return false }
        return ((try? memory.remote.word(at: field)) ?? 1) != 0
    }

    /// Runs a function with one argument; false if it crashes or takes longer than `limit` nanoseconds.
    ///
    /// Afterwards the thread stands still again with its own registers.
    func run(_ function: RemoteAddress, _ argument: UInt64, _ limit: UInt64) -> Bool {
        var registers = original
        registers.prepareFunctionCall(function, [argument, 0, 0], stackPointer: entry)
        guard !Tracing.setRegisters(thread, registers).failed else { return false }
        _ = Tracing.setSignalMask(thread, ~0)
        let returned = reachesReturn(MonotonicTime.now.nanoseconds &+ limit)
        if returned {
            registers.replaceSystemCall(.close, [~0, 0, 0, 0, 0, 0], gadget: gadget.call, frame: frame)
            _ = Tracing.setRegisters(thread, registers)
        }
        // The kernel restarts an interrupted call only from a stop of this kind.
        _ = Tracing.interrupt(thread)
        if returned { _ = Tracing.resume(thread) }
        _ = wait(MonotonicTime.now.nanoseconds &+ 500_000_000) { status in
            switch status {
            case .interruptStop, .groupStop, .signalStop: true
            default: false
            }
        }
        _ = Tracing.setSignalMask(thread, mask)
        _ = Tracing.setRegisters(thread, original)
        return returned
    }

    private func reachesReturn(_ deadline: UInt64) -> Bool {
        guard !Tracing.resumeToSystemCall(thread).failed else { return false }
        var isCrashed = false
        while !isCrashed {
            let found = wait(deadline) { status in
                switch status {
                case .systemCallStop: return true
                case .signalStop, .exited, .killed:
                    isCrashed = true
                    return true
                default: return false
                }
            }
            guard found, !isCrashed else { return false }
            var registers = Registers()
            guard !Tracing.registers(thread, into: &registers).failed else { return false }
            if registers.systemCall == Int64(SystemCallNumber.sigreturn.rawValue) { return true }
            guard !Tracing.resumeToSystemCall(thread).failed else { return false }
        }
        return false
    }

    /// Waits for a wanted stop, letting others pass; false at the deadline.
    private func wait(_ deadline: UInt64, _ wanted: (WaitStatus) -> Bool) -> Bool {
        while MonotonicTime.now.nanoseconds < deadline {
            let answer = Tracing.poll(thread)
            if answer.thread != nil {
                if wanted(answer.status) { return true }
                _ = Tracing.resumeToSystemCall(thread)
            } else if answer.result.failed {
                return false
            } else {
                Nap.yield()
            }
        }
        return false
    }
}
