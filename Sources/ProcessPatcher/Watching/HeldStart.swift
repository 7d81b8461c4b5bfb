import Findings
import Linux

/// One thread that is held while it starts a program or loads a library.
///
/// It belongs to the operating system thread that seized it.
final class HeldStart {
    let thread: ThreadID
    let process: ProcessID
    private let isExecution: Bool
    private let began = MonotonicTime.now
    private var memory: ProcessMemory?
    private var place: LinkerStop?
    private var stops = 0

    /// More than any dynamic linker makes.
    private static let mostStops = 20_000

    /// What is to be done with it.
    enum Step {
        /// It runs on and will stop again.
        case running
        /// It stands where it can be changed.
        case ready(WatchMoment)
        /// It isn't held any more, or shouldn't be.
        case over
    }

    init(_ thread: ThreadID, _ process: ProcessID, isExecution: Bool) {
        self.thread = thread
        self.process = process
        self.isExecution = isExecution
    }

    /// Seizes a thread that waits for leave to open a file; why it can't be, if so.
    static func seize(_ thread: ThreadID) -> Errno? {
        if let error = Tracing.seize(thread, options: [.markSystemCalls, .exec]).error { return error }
        if let error = Tracing.interrupt(thread).error {
            Tracing.release(thread)
            return error
        }
        return nil
    }

    /// Whether it has been held for too long.
    func isOverdue(_ patience: Duration) -> Bool {
        stops > Self.mostStops || began.advanced(by: patience) < MonotonicTime.now
    }

    /// Takes a report of the kernel.
    func take(_ status: WaitStatus, _ lists: inout LinkerLists) -> Step {
        stops += 1
        switch status {
        case .interruptStop: return begin(&lists)
        case .event(.exec): return executed(&lists)
        case .systemCallStop: return call()
        case .signalStop(let signal): return go(delivering: signal)
        case .event: return go()
        case .groupStop, .exited, .killed, .continued, .unknown: return .over
        }
    }

    /// Goes on towards the next place, after a change that couldn't be made yet.
    func goOn() -> Step { go() }

    private func go(delivering signal: Signal = .none) -> Step {
        Tracing.resumeToSystemCall(thread, delivering: signal).failed ? .over : .running
    }

    /// The first stop: behind the opening of a library, or somewhere in an execve(2).
    private func begin(_ lists: inout LinkerLists) -> Step {
        if isExecution || place != nil { return go() }
        var registers = Registers()
        guard !Tracing.registers(thread, into: &registers).failed, registers.systemCallAnswer >= 0,
            let memory = try? ProcessMemory(process), let base = linkerBase(),
            LinkerStop.isInLinker(registers.instructionPointer, base)
        else { return .over }
        self.memory = memory
        place = LinkerStop(opened: registers, lists.find(base, memory))
        return go()
    }

    /// A new program, of which nothing has run.
    private func executed(_ lists: inout LinkerLists) -> Step {
        guard let memory = try? ProcessMemory(process) else { return .over }
        self.memory = memory
        // Without a dynamic linker there is nothing to wait for.
        guard let base = linkerBase() else { return .ready(.beforeStart) }
        place = LinkerStop(executed: lists.find(base, memory))
        return go()
    }

    private func linkerBase() -> RemoteAddress? {
        var reader = ProcReader()
        return LinkerStop.linkerBase(process, &reader)
    }

    private func call() -> Step {
        guard place != nil, let memory else { return go() }
        var registers = Registers()
        guard !Tracing.registers(thread, into: &registers).failed else { return .over }
        // At the entry the answer is ENOSYS, and the thread can't be used for anything.
        if registers.systemCallAnswer == -38 { return go() }
        guard place?.isReached(registers, memory) == true else { return go() }
        return .ready(place?.isStart == true ? .beforeStart : .atLoad)
    }
}
