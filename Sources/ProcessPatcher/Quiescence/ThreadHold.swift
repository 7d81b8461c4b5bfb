import Findings
import Linux

/// All threads of the processes that share one address space, attached, stopped and let go together.
///
/// Attaching doesn't stop anyone, and is done before the pause begins. From the first stop to ``letGo()`` nothing is
/// allocated and each thread costs as few system calls as can be: interrupt, wait, registers, detach.
///
/// Threads that sleep are stopped first and let go last, because they don't notice; those that were running when
/// they were looked at are stopped last and let go first. So the pause of a thread that works is as short as if only
/// the working threads existed.
@safe
struct ThreadHold: ~Copyable {
    /// What stopping everybody came to.
    enum StopResult: Equatable {
        /// Everybody stands still.
        case stopped
        /// This thread didn't stop in time.
        case unstoppable(Int)
        /// New threads keep appearing faster than they can be attached, or there is no room for more.
        case restless
    }

    /// The processes, mostly one.
    let processes: [ProcessID]
    /// The threads; the first ``count`` entries are in use.
    private(set) var threads: UnsafeMutableBufferPointer<HeldThread>
    private(set) var count = 0
    /// How many of them, at the front, were asleep when they were attached.
    private(set) var sleepers = 0
    private var counters: CounterList
    private var lists: [ProcessID: ListBox] = [:]
    private let alarm: StopAlarm
    private let orphans: Orphans
    private let patience: UInt64

    /// How often threads are looked at to tell running ones from those that wait for a processor.
    private static let looks = 3
    private static let betweenLooks: UInt64 = 200_000
    /// How often a stop is asked for before blocking: some tens of microseconds.
    private static let spins = 60

    /// Boxes for values that can't be copied.
    private final class ListBox {
        var list: ThreadList
        init(_ process: ProcessID) throws(SystemError) { list = try ThreadList(of: process) }
    }

    private final class CounterList {
        let counters: [CounterBox]
        init(_ counters: [CounterBox]) { self.counters = counters }
    }

    private final class CounterBox {
        let counter: ThreadCounter
        init(_ process: ProcessID) throws(SystemError) { counter = try ThreadCounter(of: process) }
    }

    /// Prepares for some processes; nothing is attached yet.
    ///
    /// - Parameters:
    ///   - patience: the longest that a process may be held while a thread doesn't stop, in nanoseconds.
    ///   - orphans: takes over whoever can't be let go at the end.
    init(_ processes: [ProcessID], patience: UInt64, _ orphans: Orphans) throws(PatcherError) {
        let first = processes.first ?? ProcessID(0)
        let alarm = try onProcess(first) { () throws(SystemError) in try StopAlarm() }
        var boxes: [CounterBox] = []
        var lists: [ProcessID: ListBox] = [:]
        for process in processes {
            do throws(SystemError) {
                boxes.append(try CounterBox(process))
                lists[process] = try ListBox(process)
            } catch {
                // Only the first must be there: the others may leave at any time.
                if process == first || !error.isGone { throw PatcherError(error, process) }
            }
        }
        self.processes = processes
        self.patience = patience
        self.orphans = orphans
        self.alarm = alarm
        self.lists = lists
        counters = CounterList(boxes)
        unsafe threads = .allocate(capacity: 64)
    }

    /// Whoever is still attached is let go; those who can't be now become orphans.
    deinit {
        unsafe Self.handOver(threads[..<count], orphans)
        // HeldThread is plain data: nothing to destroy.
        unsafe threads.deallocate()
    }

    // MARK: Attaching

    /// Takes over a thread that is attached and stopped already, before all others are attached.
    mutating func adopt(_ thread: HeldThread) {
        reserve(count + 1)
        // There is room for this entry now.
        unsafe threads.initializeElement(at: count, to: thread)
        count += 1
    }

    /// Attaches to every thread that there is, until a look brings no new one.
    mutating func attach() throws(PatcherError) {
        var rounds = 0
        while try attachNew() > 0 {
            rounds += 1
            if rounds > 64 { return }
        }
        reserve(count * 2 + 64)
        sortSleepersFirst()
    }

    /// Puts the threads that sleep in front of those that run.
    ///
    /// A thread that only waits for its turn on a processor looks like a running one; if there are more than
    /// processors, those who turn out to sleep a moment later are counted as sleepers.
    private mutating func sortSleepersFirst() {
        sleepers = 0
        guard count > 1 else { return }
        for look in 0..<Self.looks {
            if look > 0 { Nap.nanoseconds(Self.betweenLooks) }
            for index in sleepers..<count {
                let thread = unsafe threads[index]
                guard lists[thread.process]?.list.state(of: thread.id) != "R" else { continue }
                // Both indices are below the count.
                unsafe threads.swapAt(index, sleepers)
                sleepers += 1
            }
            if count - sleepers <= Machine.usableProcessors { return }
        }
    }

    /// Attaches to the threads that aren't yet; answers how many.
    private mutating func attachNew() throws(PatcherError) -> Int {
        var known: Set<ThreadID> = []
        for index in 0..<count where unsafe threads[index].phase != .ended {
            unsafe known.insert(threads[index].id)
        }
        var found = 0
        // Or a process in execve would wait for us, and we for it: see `Orphans.seize(_:options:among:)`.
        alarm.set(nanoseconds: StopAlarm.usualPeriod)
        defer { alarm.set(nanoseconds: 0) }
        for process in processes {
            var ids: [ThreadID] = []
            do throws(SystemError) { try lists[process]?.list.read(into: &ids) } catch {
                if process == processes.first || !error.isGone { throw PatcherError(error, process) }
            }
            // A list that changes while it is read may name a thread twice.
            for id in ids where known.insert(id).inserted {
                reserve(count + 1)
                if try attach(id, process) { found += 1 }
            }
        }
        return found
    }

    private mutating func attach(_ id: ThreadID, _ process: ProcessID) throws(PatcherError) -> Bool {
        // The first `count` entries are in use, and each begins with its id.
        let result = unsafe orphans.seize(id, among: UnsafeBufferPointer(rebasing: threads[..<count]))
        var thread = HeldThread(id, process)
        if let error = result.error {
            if error == .noSuchProcess { return false }
            if orphans.contains(id) {
                throw PatcherError(
                    Finding(
                        .processUnstoppable, "thread \(id) of process \(process) did not stop",
                        evidence: ["pid": "\(process)", "tid": "\(id)"]))
            }
            guard id == process.mainThread, Self.isZombie(id) else {
                if Self.isZombie(id) { return false }
                throw Self.refusal(error, id, process)
            }
            thread.phase = .zombie
        }
        // There is room: `reserve` was called for this entry.
        unsafe threads.initializeElement(at: count, to: thread)
        count += 1
        return true
    }

    private mutating func reserve(_ capacity: Int) {
        guard unsafe capacity > threads.count else { return }
        let larger = UnsafeMutableBufferPointer<HeldThread>.allocate(capacity: capacity * 2)
        // Both buffers hold at least `count` entries of plain data.
        for index in 0..<count { unsafe larger.initializeElement(at: index, to: threads[index]) }
        unsafe threads.deallocate()
        unsafe threads = larger
    }

    /// Why a thread can't be attached to: another tracer, or missing rights.
    static func refusal(_ error: Errno, _ id: ThreadID, _ process: ProcessID) -> PatcherError {
        var reader = ProcReader()
        if let status = try? reader.status(of: id), status.tracer.rawValue != 0 {
            let name = (try? reader.name(of: status.tracer)) ?? "?"
            return PatcherError(
                Finding(
                    .processTraced, "process \(process) is traced by \(name) (pid \(status.tracer))",
                    evidence: ["pid": "\(process)", "tracer": "\(status.tracer)", "name": name]))
        }
        return PatcherError(
            SystemError(call: "ptrace(PTRACE_SEIZE)", errno: error, object: "thread \(id)"), process)
    }

    private static func isZombie(_ id: ThreadID) -> Bool {
        var reader = ProcReader()
        return (try? reader.stat(of: ProcessID(id.rawValue)))?.isZombie ?? true
    }

    // MARK: The pause

    /// Stops the threads that were asleep: asks all first, then waits for each in the same order.
    @inline(__always)
    mutating func stopSleepers() -> StopResult { stop(0, sleepers) ?? .stopped }

    /// Stops all others, and those that appeared meanwhile.
    @inline(__always)
    mutating func stopRest() -> StopResult {
        var first = sleepers
        var rounds = 0
        while true {
            if let failure = stop(first, count) { return failure }
            if isComplete() { return .stopped }
            rounds += 1
            first = count
            // Somebody started a thread between the last look and the stop: rare, so this look may allocate.
            guard rounds < 32, (try? attachNew()) != nil else { return .restless }
        }
    }

    /// Stops the threads of a range, reading each one's registers at once; nil if all stopped.
    @inline(__always)
    private mutating func stop(_ first: Int, _ end: Int) -> StopResult? {
        for index in first..<end { unsafe ask(&threads[index]) }
        for index in first..<end where unsafe threads[index].phase == .asked {
            if unsafe !wait(&threads[index]) { return .unstoppable(index) }
        }
        return nil
    }

    @inline(__always)
    private func ask(_ thread: inout HeldThread) {
        guard thread.phase == .seized else { return }
        thread.phase = .asked
        if Tracing.interrupt(thread.id).failed {
            // It has ended; its report is taken so that nothing of it is left.
            _ = Tracing.poll(thread.id)
            thread.phase = .ended
        }
    }

    /// Waits for one thread's stop; false if it doesn't come.
    ///
    /// It mostly comes at once, so it is asked for without blocking first: going to sleep and being woken takes
    /// longer than most stops.
    @inline(__always)
    private func wait(_ thread: inout HeldThread) -> Bool {
        for _ in 0..<Self.spins {
            let answer = Tracing.poll(thread.id)
            if answer.thread != nil {
                Self.note(answer.status, &thread)
                return true
            }
            if answer.result.failed {
                thread.phase = .ended
                return true
            }
            Nap.yield()
        }
        return waitBlocking(&thread)
    }

    private func waitBlocking(_ thread: inout HeldThread) -> Bool {
        alarm.set(nanoseconds: StopAlarm.usualPeriod)
        defer { alarm.set(nanoseconds: 0) }
        var since: UInt64 = 0
        while true {
            let answer = Tracing.waitInterruptibly(thread.id)
            if answer.thread != nil {
                Self.note(answer.status, &thread)
                return true
            }
            guard answer.result.error == .interrupted else {
                thread.phase = .ended
                return true
            }
            let now = MonotonicTime.now.nanoseconds
            if since == 0 { since = now }
            if now - since > patience {
                guard thread.id == thread.process.mainThread, Self.isZombie(thread.id) else { return false }
                thread.phase = .zombie
                return true
            }
        }
    }

    @inline(__always)
    private static func note(_ status: WaitStatus, _ thread: inout HeldThread) {
        switch status {
        case .interruptStop, .groupStop, .systemCallStop, .event: thread.stoppedForUs = true
        case .signalStop(let signal):
            thread.stoppedForUs = false
            thread.signal = signal
        case .exited, .killed, .continued, .unknown:
            thread.phase = .ended
            return
        }
        // Killed while it stood still: its end has yet to be reported, and nobody counts on it until then.
        thread.phase = Tracing.registers(thread.id, into: &thread.registers).failed ? .asked : .stopped
        thread.verdict = .unknown
    }

    /// Whether as many threads exist as we hold.
    @inline(__always)
    func isComplete() -> Bool {
        var held = 0
        for index in 0..<count where unsafe threads[index].phase != .ended { held += 1 }
        var existing = 0
        for box in counters.counters { existing += box.counter.count() ?? 0 }
        return existing <= held
    }

    /// Whether nobody runs: everybody stands still or has ended, and no one is missing.
    func isStill() -> Bool {
        for index in 0..<count where unsafe threads[index].phase == .asked || threads[index].phase == .seized {
            return false
        }
        return isComplete()
    }

    /// Lets the threads go that were running, then those that were asleep, each with the signal that it was about
    /// to take.
    ///
    /// A call that the stop made answer EINTR is made again instead: the kernel restarts it on the way out unless
    /// a handler runs.
    @inline(__always)
    mutating func letGo() {
        letGoRunners()
        for index in 0..<sleepers { unsafe Self.letGo(&threads[index]) }
    }

    /// Lets only those go that were running.
    @inline(__always)
    mutating func letGoRunners() {
        for index in sleepers..<count { unsafe Self.letGo(&threads[index]) }
    }

    @inline(__always)
    private static func letGo(_ thread: inout HeldThread) {
        guard thread.phase == .stopped else { return }
        guard !thread.isKept else {
            thread.phase = .ended
            return
        }
        if thread.stoppedForUs, thread.registers.interruptedByStop {
            _ = Tracing.setSystemCallAnswer(thread.id, Registers.restartUnlessHandled)
        }
        // Killed while it stood still: its report has yet to be taken, or its process's execve waits for ever.
        thread.phase = Tracing.detach(thread.id, delivering: thread.signal).failed ? .asked : .ended
    }

    // MARK: After the pause

    /// Lets go of everybody and forgets them; those who haven't stopped yet, or are just ending, become orphans.
    ///
    /// Nobody else may be attached to in this process before: see ``Orphans``.
    mutating func handOver() {
        unsafe Self.handOver(threads[..<count], orphans)
        count = 0
        sleepers = 0
    }

    private static func handOver(_ threads: Slice<UnsafeMutableBufferPointer<HeldThread>>, _ orphans: Orphans) {
        for index in unsafe threads.indices {
            var thread = unsafe threads[index]
            letGo(&thread)
            if thread.phase == .asked || thread.phase == .seized { orphans.release(thread.id) }
        }
    }

    /// Notes what was found out about a thread; the index is below ``count``.
    func judge(_ index: Int, _ verdict: HeldThread.Verdict) { unsafe threads[index].verdict = verdict }

    /// Lets one thread run for some nanoseconds, delivering the signal that it was about to take, and stops it again.
    func nudge(_ index: Int, _ nanoseconds: UInt64) {
        var thread = unsafe threads[index]
        guard thread.phase == .stopped, !Tracing.resume(thread.id, delivering: thread.signal).failed else { return }
        thread.signal = .none
        thread.phase = .seized
        let end = MonotonicTime.now.nanoseconds + nanoseconds
        while MonotonicTime.now.nanoseconds < end { Nap.yield() }
        ask(&thread)
        if thread.phase == .asked { _ = wait(&thread) }
        unsafe threads[index] = thread
    }
}
