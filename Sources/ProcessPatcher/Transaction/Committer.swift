import Findings
import Linux

// Tries to carry a plan out until it succeeds or the deadline passes.
//
// The journal in the images' headers brackets the writing. `committing` (or `undoing`) is written while the process
// still runs, before the first byte changes; the final state afterwards, when everybody runs again. If we die
// between the two, the next run finds the half-way state and sees from the bytes at the sites how far it got: none
// written (nothing happened), all written (only the last word is missing), or some (put back under the same check).
// Where one patch takes the place of another, what stood at a site before is the other's trampoline; so the image
// that goes enters the transaction first, and leaves it first when everything is written: while a site may still hold
// its trampoline, its journal says so.
//
// A busy process is let go at once. How long to wait for the next try grows from 0.2 ms to 250 ms with some
// randomness, and as long as the busy thread sleeps in the very call, at the very stack depth in which it was busy,
// nobody is stopped at all: it can't have left.

/// Carries out commit plans in one process.
struct Committer {
    let session: ProcessSession
    /// All processes that share its memory, itself included.
    let unit: [ProcessID]
    let deadline: MonotonicTime
    let orphans: Orphans
    /// Whether a busy thread is followed from system call to system call until it has left the function.
    let atReturn: Bool
    /// A thread that is stopped already, and stays so.
    var custody: ThreadID?
    /// Hooks to run inside the stop.
    var hooks: StopHooks?

    /// What became of a plan.
    struct Result {
        enum Kind {
            case committed
            case deferred(Finding)
            case blocked(Finding)
        }
        var kind: Kind
        /// How often the process was stopped.
        var tries: Int
        /// How long the process was held in the successful try.
        var pause = PauseTimes(running: 0, whole: 0)
    }

    private static let shortest: UInt64 = 200_000
    private static let longest: UInt64 = 250_000_000
    /// A running thread leaves a function within microseconds, so it is tried again soon, more patiently after many
    /// tries.
    private static let longestIfRunning: UInt64 = 3_000_000
    private static let manyTries = 200
    /// How long a thread may take to stop at first; a loaded machine needs more.
    private static let shortestPatience: UInt64 = 20_000_000
    /// A process that seems to sleep is stopped again after this time all the same.
    private static let patience = Duration.seconds(2)

    /// Carries out a plan.
    func run(_ plan: CommitPlan) throws(PatcherError) -> Result {
        let watch = WatchIndex(plan.watched)
        let scan = try StackScan(of: session.process)
        let sites = SiteWriter(plan.writes, session.memory)
        try sites.touch()
        try hooks?.reset()
        try session.writeJournals(plan.journal.reversed()) { $0.during }
        var unwinder: Unwinder?
        var tries = 0
        var delay = Self.shortest
        var caught: HeldThread?
        var same = SameCall()
        var lastBusy: Attempt?
        while true {
            _ = orphans.settle(until: min(deadline, MonotonicTime.now.advanced(by: .seconds(1))))
            let patience = Self.shortestPatience << UInt64(min(tries / 4, 4))
            var hold = try hold(patience, caught)
            caught = nil
            try hold.attach()
            let pause = Pause(
                memory: session.memory, space: session.space, unwinder: unwinder,
                triesBefore: tries, hooks: hooks)
            tries += 1
            let attempt = pause.attempt(&hold, watch, scan, sites)
            // Before anyone is borrowed: an execve would wait for us, and we for it.
            hold.handOver()
            switch attempt {
            case .committed(let times):
                try session.writeJournals(plan.journal.reversed()) { $0.after }
                return Result(kind: .committed, tries: tries, pause: times)
            case .needsUnwinder:
                unwinder = Unwinder(session)
                try session.refreshMappings()
                continue
            case .gone: throw .gone(session.process)
            case .mismatch(let site, let found):
                try takeBack(plan)
                let finding = BytesFinding.make(sites.sites[site], found: found, session)
                return Result(kind: .blocked(finding), tries: tries)
            case .refused(let failure):
                try takeBack(plan)
                return Result(kind: .blocked(failure.finding(session.process, "nothing was changed")), tries: tries)
            case .unreliable(let site):
                try takeBack(plan)
                let finding = Finding(
                    .processCommit, "a write to process \(session.process) didn't read back",
                    evidence: ["pid": "\(session.process)", "function": sites.sites[site].function])
                return Result(kind: .blocked(finding), tries: tries)
            case .busy, .unstoppable, .restless:
                // Another program's threads would look busy to the end of time.
                if session.isGone() { throw .gone(session.process) }
                same.note(attempt)
                if case .busy = attempt { lastBusy = attempt }
                if atReturn, case .busy(let busy) = attempt, let unwinder {
                    caught = ReturnWait.follow(busy, unwinder, watch, session.space, orphans, until: deadline)
                    if caught != nil { break }
                }
                if wait(attempt, tries, &delay) { break }
                try takeBack(plan)
                return Result(
                    kind: .deferred(Obstacle(session).finding(lastBusy ?? attempt, tries, same)), tries: tries)
            }
            try session.refreshMappings()
        }
    }

    /// Gets ready to hold everybody, beginning with a thread that is held already.
    private func hold(_ patience: UInt64, _ caught: HeldThread?) throws(PatcherError) -> ThreadHold {
        do throws(PatcherError) {
            var hold = try ThreadHold(SharedSpaces.still(unit), patience: patience, orphans)
            if let caught { hold.adopt(caught) }
            if let custody { hold.adopt(try kept(custody)) }
            return hold
        } catch {
            if let caught { orphans.release(caught.id) }
            throw error
        }
    }

    private func kept(_ thread: ThreadID) throws(PatcherError) -> HeldThread {
        var held = HeldThread(thread, session.process)
        held.isKept = true
        held.phase = .stopped
        guard !Tracing.registers(thread, into: &held.registers).failed else { throw .gone(session.process) }
        return held
    }

    /// The state before: no byte was changed.
    private func takeBack(_ plan: CommitPlan) throws(PatcherError) {
        try session.writeJournals(plan.journal) { $0.abandoned }
    }

    // MARK: Between two tries

    /// Lets time pass until the next try makes sense; false if the deadline comes first.
    private func wait(_ attempt: Attempt, _ tries: Int, _ delay: inout UInt64) -> Bool {
        let blocked = sleepingPlace(attempt)
        let look = MonotonicTime.now.advanced(by: Self.patience)
        repeat {
            let now = MonotonicTime.now
            guard now < deadline else { return false }
            let nap = min(delay / 2 + UInt64.random(in: 0...delay), deadline.nanoseconds - now.nanoseconds)
            Nap.nanoseconds(nap)
            let isRunning = blocked == nil && tries < Self.manyTries
            delay = min(delay * 2, isRunning ? Self.longestIfRunning : Self.longest)
            // Threads that only now stop must not wait for us.
            while orphans.settle() > 0 {
                guard MonotonicTime.now < deadline else { return false }
                Nap.nanoseconds(50_000)
            }
        } while blocked != nil && blocked == sleepingPlace(attempt) && MonotonicTime.now < look
        return MonotonicTime.now < deadline
    }

    /// Where a busy thread sleeps: call, arguments, stack and instruction pointer; nil if it runs.
    private func sleepingPlace(_ attempt: Attempt) -> String? {
        guard case .busy(let busy) = attempt else { return nil }
        var reader = ProcReader()
        let path = "/proc/\(busy.process)/task/\(busy.thread)/syscall"
        guard let text = try? reader.text(path) else { return nil }
        return text.isEmpty || text.hasPrefix("running") ? nil : text
    }
}
