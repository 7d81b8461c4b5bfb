import Linux

/// What one attempt to change a process came to.
enum Attempt {
    /// Everything is written.
    case committed(PauseTimes)
    /// Suspicious words have to be settled, and there was no unwinder yet; nothing was changed.
    case needsUnwinder
    /// A thread is in the code that is to change; nothing was changed.
    case busy(BusyThread)
    /// A thread didn't stop in time; nothing was changed.
    case unstoppable(ThreadID)
    /// Threads appear faster than they can be attached; nothing was changed.
    case restless
    /// The process ended or became another program.
    case gone
    /// Other bytes than expected stand at this site; nothing was changed.
    case mismatch(site: Int, found: [UInt8])
    /// What was written didn't read back, and was put back.
    case unreliable(site: Int)
    /// A hook of the patch refused; nothing was changed.
    case refused(HookFailure)
}

/// How long a process was held, in nanoseconds.
struct PauseTimes {
    /// From the first stop of a running thread until all running threads go on.
    var running: UInt64
    /// From the first stop of any thread until all go on.
    var whole: UInt64
}

/// A thread that keeps a process from being changed, with the evidence.
struct BusyThread {
    let thread: ThreadID
    let process: ProcessID
    /// The watched function.
    let function: String
    /// Instruction addresses, innermost first.
    let frames: [UInt64]
    /// Where on the stack the watched function's frame is; 0 if that isn't known.
    let frameAddress: UInt64

    /// In place of a function: the stack ends somewhere unknown.
    static let unknown = "unknown (its stack can't be walked)"
    /// In place of a function: what the thread left on its own stack isn't seen.
    static let coroutine = "unknown (it is on another stack than its own: a coroutine)"
}

/// Holds a process still, looks, changes it if nobody is in the way, and lets it go: the pause.
///
/// A function that several threads call all the time is hardly ever free by chance. So after some tries the threads
/// that run in watched code are let run on for moments, while all others stay: each has to leave only once, not all at
/// the same time. That goes on for at most 3 ms, after many tries 30 ms.
struct Pause {
    let memory: ProcessMemory
    let space: AddressSpace
    let unwinder: Unwinder?
    /// How many tries there were before: later ones are more patient.
    let triesBefore: Int
    /// What the patch's author wants to run while everybody stands still.
    var hooks: StopHooks?

    private static let triesBeforePersistence = 4
    private static let triesBeforeEndurance = 64

    /// Whether running threads may be waited for while the others are held.
    private var isPersistent: Bool { triesBefore > Self.triesBeforePersistence }
    /// On a loaded machine a thread that is let run may wait for its turn on a processor longer than most pauses take.
    private var isEnduring: Bool { triesBefore > Self.triesBeforeEndurance }
    private var patience: UInt64 { isEnduring ? 30_000_000 : 3_000_000 }
    private var moment: UInt64 { isEnduring ? 1_000_000 : 10_000 }

    /// One attempt.
    func attempt(
        _ hold: inout ThreadHold, _ watch: borrowing WatchIndex, _ scan: borrowing StackScan,
        _ sites: borrowing SiteWriter
    ) -> Attempt {
        let start = MonotonicTime.now.nanoseconds
        var middle = start
        if let obstacle = arrest(&hold, watch, scan, &middle) {
            hold.letGo()
            return obstacle
        }
        return finish(&hold, sites, start, middle)
    }

    /// Stops everybody and looks; nil if nobody is in the way, and all stand still.
    ///
    /// - Parameter middle: when the running threads began to be stopped.
    func arrest(
        _ hold: inout ThreadHold, _ watch: borrowing WatchIndex, _ scan: borrowing StackScan, _ middle: inout UInt64
    ) -> Attempt? {
        let start = MonotonicTime.now.nanoseconds
        if let failure = failure(hold.stopSleepers(), hold) { return failure }
        let sleepers = 0..<hold.sleepers
        if scan.look(&hold, sleepers, watch, space, memory) > 0, let obstacle = settle(&hold, sleepers, watch) {
            return obstacle
        }
        middle = MonotonicTime.now.nanoseconds
        if let failure = failure(hold.stopRest(), hold) { return failure }
        let rest = hold.sleepers..<hold.count
        guard (0..<hold.count).contains(where: { unsafe hold.threads[$0].phase == .stopped }) else { return .gone }
        if scan.look(&hold, rest, watch, space, memory) > 0, var obstacle = settle(&hold, rest, watch) {
            while isPersistent, MonotonicTime.now.nanoseconds - start < patience, nudge(&hold, rest) {
                guard scan.look(&hold, rest, watch, space, memory) > 0, let next = settle(&hold, rest, watch) else {
                    return hold.isStill() ? nil : .restless
                }
                obstacle = next
            }
            return obstacle
        }
        return hold.isStill() ? nil : .restless
    }

    /// Lets the busy threads run for a moment; false if one of them doesn't run, so that waiting is no use.
    private func nudge(_ hold: inout ThreadHold, _ range: Range<Int>) -> Bool {
        var nudged = false
        for index in range {
            let thread = unsafe hold.threads[index]
            guard thread.phase == .stopped, thread.verdict == .busy else { continue }
            guard thread.registers.systemCall < 0 else { return false }
            hold.nudge(index, moment)
            nudged = true
        }
        return nudged
    }

    private func finish(
        _ hold: inout ThreadHold, _ sites: borrowing SiteWriter, _ start: UInt64, _ middle: UInt64
    ) -> Attempt {
        let rest = hold.sleepers..<hold.count
        if let failure = hooks?.run(&hold) {
            hold.letGo()
            return .refused(failure)
        }
        let outcome = sites.commit()
        if case .written = outcome {} else { hooks?.takeBack(&hold) }
        hold.letGoRunners()
        let running = MonotonicTime.now.nanoseconds
        hold.letGo()
        let end = MonotonicTime.now.nanoseconds
        switch outcome {
        case .written:
            let begin = rest.isEmpty ? start : middle
            return .committed(PauseTimes(running: (rest.isEmpty ? end : running) - begin, whole: end - start))
        case .gone: return .gone
        case .mismatch(let site): return .mismatch(site: site, found: sites.foundBytes(site))
        case .unreliable(let site): return .unreliable(site: site)
        }
    }

    /// What stopping came to if it failed.
    @inline(__always)
    private func failure(_ result: ThreadHold.StopResult, _ hold: borrowing ThreadHold) -> Attempt? {
        switch result {
        case .stopped: nil
        // The index is one of the hold's.
        case .unstoppable(let index): unsafe .unstoppable(hold.threads[index].id)
        case .restless: .restless
        }
    }

    /// Settles the threads that the scan couldn't call free; answers what stands in the way.
    private func settle(
        _ hold: inout ThreadHold, _ range: Range<Int>, _ watch: borrowing WatchIndex
    ) -> Attempt? {
        var obstacle: Attempt?
        for index in range {
            let thread = unsafe hold.threads[index]
            guard thread.phase == .stopped, thread.verdict != .free else { continue }
            guard let unwinder else { return .needsUnwinder }
            let walk = unwinder.walk(thread, watch, space)
            if walk.isFree, thread.verdict != .busy {
                hold.judge(index, .free)
                continue
            }
            hold.judge(index, .busy)
            if obstacle != nil { continue }
            let range = walk.busyIn ?? (thread.busyIn >= 0 ? thread.busyIn : nil)
            let function =
                range.map { watch.name($0) } ?? (walk.isForeign ? BusyThread.coroutine : BusyThread.unknown)
            obstacle = .busy(
                BusyThread(
                    thread: thread.id, process: thread.process, function: function, frames: walk.frames,
                    frameAddress: walk.busyAt))
            // Only persistence is interested in the others.
            if !isPersistent { break }
        }
        return obstacle
    }
}
