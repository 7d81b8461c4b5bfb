import Findings
import Linux

// All or nothing over many processes. Everything that can fail is done first, while all of them run: proving,
// placing, linking, and the journals. Then all threads of all members are stopped, and only when nobody is in the way
// anywhere are the bytes of all members written, one member after the other, while everybody stands still. Whoever
// finds other bytes than expected at that moment is undone by putting the old bytes back in those that were written,
// which is safe because nobody has run since.
//
// A member that dies in the middle is no member any more. A member that forks in the middle has a child that belongs
// to the group: nobody forks once all stand still, so a look at the processes that were made since before tells, and
// the whole is tried again with the child. Killed in the middle, we leave journals that name the common transaction:
// see GroupRecovery.swift.

/// Changes several processes in one step.
struct GroupChange {
    let operation: any ChangeOperation
    let context: PatcherContext
    /// Finds the group's members: units of processes that share memory.
    let find: () throws(PatcherError) -> [[ProcessID]]

    private static let shortest: UInt64 = 200_000
    private static let longest: UInt64 = 100_000_000

    /// Runs the change; the outcomes of all members, alike in their result.
    func run() throws(PatcherError) -> [ProcessOutcome] {
        let transaction = TransactionNumber.ofGroup()
        var members: [Member] = []
        var over: [ProcessOutcome] = []
        var known: Set<ProcessID> = []
        var tries = 0
        var delay = Self.shortest
        // A thread that is in the way says more than one that was slow to stop.
        var lastBusy: Failure?
        while true {
            for unit in try find() where !known.contains(unit[0]) {
                known.formUnion(unit)
                if let failure = prepare(unit, transaction, &members, &over) {
                    return over + abandon(members, because: failure, tries)
                }
            }
            if members.isEmpty { return over }
            tries += 1
            let mark = LastProcess.now()
            switch attempt(members, tries, since: mark) {
            case .done(let outcomes): return over + outcomes
            case .failed(let failure): return over + abandon(members, because: failure, tries)
            case .grown:
                guard MonotonicTime.now < operation.deadline else {
                    return over + abandon(members, because: growth(members), tries)
                }
            case .busy(let failure):
                if failure.finding.code == .processBusy { lastBusy = failure }
                guard MonotonicTime.now < operation.deadline else {
                    return over + abandon(members, because: lastBusy ?? failure, tries)
                }
                Nap.nanoseconds(delay / 2 + UInt64.random(in: 0...delay))
                delay = min(delay * 2, Self.longest)
                for member in members { try? member.change.session.refreshMappings() }
            }
        }
    }

    /// One member, with what is made before everybody is stopped.
    private final class Member {
        let change: PreparedChange
        let watch: WatchIndex
        let sites: SiteWriter
        let scan: StackScan
        let unwinder: Unwinder
        let hooks: StopHooks?
        var isGone = false

        init(_ change: PreparedChange) throws(PatcherError) {
            self.change = change
            watch = WatchIndex(change.plan.watched)
            scan = try StackScan(of: change.session.process)
            sites = SiteWriter(change.plan.writes, change.session.memory)
            unwinder = Unwinder(change.session)
            hooks = try change.hooks.inside(change.session, change.context)
            try sites.touch()
            try hooks?.reset()
        }
    }

    /// Why the group can't be changed, or not yet.
    private struct Failure {
        let process: ProcessID
        let result: ProcessOutcome.Result
        let finding: Finding
    }

    private enum Step {
        case done([ProcessOutcome])
        case busy(Failure)
        case failed(Failure)
        /// The group has got new members.
        case grown
    }

    // MARK: Before the stop

    /// Prepares one more member; why it can't be, if so.
    private func prepare(
        _ unit: [ProcessID], _ transaction: UInt64, _ members: inout [Member], _ over: inout [ProcessOutcome]
    ) -> Failure? {
        var member: Member?
        let outcome = ProcessWork.run(unit, operation.deadline) { (session) throws(PatcherError) in
            switch try operation.prepare(session, unit, context, transaction) {
            case .over(let outcome): return outcome
            case .ready(let change):
                do throws(PatcherError) {
                    let made = try Member(change)
                    try session.writeJournals(change.plan.journal.reversed()) { $0.during }
                    member = made
                } catch {
                    try? change.removeImages()
                    throw error
                }
                return nil
            }
        }
        if let member { members.append(member) }
        guard let outcome else { return nil }
        guard outcome.result == .blocked || outcome.result == .deferred, let finding = outcome.finding else {
            over.append(outcome)
            return nil
        }
        return Failure(process: ProcessID(outcome.pid), result: outcome.result, finding: finding)
    }

    /// Puts every member back to where it was; the report that says whose fault it was.
    private func abandon(_ members: [Member], because failure: Failure, _ tries: Int) -> [ProcessOutcome] {
        var outcomes: [ProcessOutcome] = []
        for member in members {
            let change = member.change
            try? change.session.writeJournals(change.plan.journal) { $0.abandoned }
            try? change.removeImages()
            var outcome = change.outcome
            outcome.tries = tries
            outcome.result = change.session.isGone() ? .nothingToDo : failure.result
            outcome.finding =
                change.session.process == failure.process
                ? failure.finding
                : Finding(
                    .processGroup,
                    "process \(change.session.process) was left as it is: process \(failure.process) of its group"
                        + " can't be changed", evidence: ["pid": "\(failure.process)"])
            outcomes.append(outcome)
        }
        if !members.contains(where: { $0.change.session.process == failure.process }) {
            var reader = ProcReader()
            let name = (try? reader.name(of: failure.process)) ?? ""
            outcomes.append(ProcessOutcome(failure.process, name, failure.result, finding: failure.finding))
        }
        return outcomes
    }

    // MARK: The stop

    /// A held member.
    private final class Held {
        let member: Member
        var hold: ThreadHold

        init(_ member: Member) throws(PatcherError) {
            self.member = member
            let change = member.change
            hold = try ThreadHold(
                SharedSpaces.still(change.unit), patience: 80_000_000, change.context.orphans)
        }

        /// Stops the member and looks; nil if nobody is in the way.
        func arrest(triesBefore: Int) -> Attempt? {
            let pause = Pause(
                memory: member.change.session.memory, space: member.change.session.space,
                unwinder: member.unwinder, triesBefore: triesBefore)
            var middle: UInt64 = 0
            return pause.arrest(&hold, member.watch, member.scan, &middle)
        }

        /// Runs the hooks inside the stop; why not, if one refuses.
        func runHooks() -> HookFailure? { member.hooks?.run(&hold) }
        /// Runs the hooks that take back what those have done.
        func takeBackHooks() { member.hooks?.takeBack(&hold) }
        func letGoRunners() { hold.letGoRunners() }
        func letGo() {
            hold.letGo()
            hold.handOver()
        }
    }

    private func attempt(_ members: [Member], _ tries: Int, since mark: LastProcess) -> Step {
        var held: [Held] = []
        defer { for entry in held { entry.letGo() } }
        for member in members where !member.isGone {
            do throws(PatcherError) {
                let entry = try Held(member)
                try entry.hold.attach()
                held.append(entry)
            } catch {
                if error.isGone || member.change.session.isGone() {
                    member.isGone = true
                    continue
                }
                return .busy(
                    Failure(process: member.change.session.process, result: .deferred, finding: error.finding))
            }
        }
        let start = MonotonicTime.now.nanoseconds
        for entry in held {
            guard let obstacle = entry.arrest(triesBefore: tries) else { continue }
            // Another program's threads would look busy to the end of time.
            let isGone = if case .gone = obstacle { true } else { entry.member.change.session.isGone() }
            guard !isGone else {
                entry.member.isGone = true
                continue
            }
            return .busy(failure(entry.member, obstacle))
        }
        if mark.hasChild(of: Set(members.flatMap { $0.change.unit })) { return .grown }
        if let failure = runHooks(held) ?? write(held) { return .failed(failure) }
        for entry in held { entry.letGoRunners() }
        let pause = MonotonicTime.now.nanoseconds - start
        for entry in held { entry.letGo() }
        for member in members { finish(member, pause) }
        runHooksBehind(members)
        for member in members where !member.isGone && member.change.outcome.result == .applied {
            report(in: member.change) { () throws(PatcherError) in try member.change.release() }
        }
        return .done(members.map(\.change.outcome))
    }

    /// Runs all members' hooks inside the stop; if one refuses, those that have run are taken back.
    private func runHooks(_ held: [Held]) -> Failure? {
        for (index, entry) in held.enumerated() where !entry.member.isGone {
            guard let refusal = entry.runHooks() else { continue }
            for other in held[..<index] where !other.member.isGone { other.takeBackHooks() }
            let process = entry.member.change.session.process
            return Failure(
                process: process, result: .blocked, finding: refusal.finding(process, "nothing was changed"))
        }
        return nil
    }

    /// Writes all members' bytes; if one can't be written, none is.
    private func write(_ held: [Held]) -> Failure? {
        var written: [Member] = []
        for entry in held where !entry.member.isGone {
            let member = entry.member
            let finding: Finding
            switch member.sites.commit() {
            case .written:
                written.append(member)
                continue
            case .gone:
                member.isGone = true
                continue
            case .mismatch(let site):
                finding = BytesFinding.make(
                    member.sites.sites[site], found: member.sites.foundBytes(site), member.change.session)
            case .unreliable(let site):
                finding = Finding(
                    .processCommit, "a write to process \(member.change.session.process) didn't read back",
                    evidence: ["function": member.sites.sites[site].function])
            }
            // Nobody has run since: the old bytes come back under the same stop.
            for other in written { _ = other.sites.revert() }
            for other in held where !other.member.isGone { other.takeBackHooks() }
            return Failure(process: member.change.session.process, result: .blocked, finding: finding)
        }
        return nil
    }

    private func growth(_ members: [Member]) -> Failure {
        let process = members.first?.change.session.process ?? ProcessID(0)
        return Failure(
            process: process, result: .deferred,
            finding: Finding(
                .processUnstoppable, "the group makes processes faster than they can be stopped",
                evidence: ["pid": "\(process)"]))
    }

    private func failure(_ member: Member, _ obstacle: Attempt) -> Failure {
        let session = member.change.session
        return Failure(
            process: session.process, result: .deferred, finding: Obstacle(session).finding(obstacle, 1))
    }

    private func finish(_ member: Member, _ pause: UInt64) {
        let change = member.change
        if member.isGone || change.session.isGone() {
            member.isGone = true
            change.outcome = ProcessOutcome(
                change.session.process, change.session.name, .gone(change.session.process))
            return
        }
        // If this fails the process has gone; else the next command writes it.
        try? change.session.writeJournals(change.plan.journal.reversed()) { $0.after }
        change.outcome.note(PauseTimes(running: pause, whole: pause))
    }

    /// Runs all members' hooks behind the change; if one refuses, the change is taken back in all of them, one after
    /// the other: they have run on with it since.
    private func runHooksBehind(_ members: [Member]) {
        let changes = members.filter { !$0.isGone && $0.change.outcome.result == .applied }.map(\.change)
        var refusal: HookFailure?
        for change in changes where refusal == nil {
            report(in: change) { () throws(PatcherError) in refusal = try change.hooks.behind(change) }
        }
        guard let refusal else { return }
        for change in changes {
            report(in: change) { () throws(PatcherError) in
                try change.hooks.takeBack(change, because: refusal, operation.deadline)
            }
        }
    }

    /// Does something with a member; what goes wrong becomes its outcome.
    private func report(in change: PreparedChange, _ body: () throws(PatcherError) -> Void) {
        do throws(PatcherError) {
            try body()
        } catch {
            change.outcome.result = .blocked
            change.outcome.finding = error.finding
        }
    }
}

/// The number that the newest process or thread got: tells later which have been made since.
struct LastProcess {
    private let number: Int32

    static func now() -> LastProcess {
        var reader = ProcReader()
        guard let text = try? reader.text("/proc/loadavg") else { return LastProcess(number: 0) }
        let last = text.split { $0 == " " || $0 == "\n" }.last
        return LastProcess(number: last.flatMap { Int32($0) } ?? 0)
    }

    /// Whether one of these processes has made a child since.
    func hasChild(of parents: Set<ProcessID>) -> Bool {
        let now = Self.now().number
        if now == number { return false }
        var reader = ProcReader()
        // The numbers start again from the beginning at some time.
        let isNear = now > number && now - number < 4096
        let candidates =
            isNear
            ? (number + 1...now).map { ProcessID($0) }
            : ((try? ProcessList.now()) ?? []).filter {
                now > number
                    ? $0.rawValue > number && $0.rawValue <= now : $0.rawValue > number || $0.rawValue <= now
            }
        return candidates.contains { candidate in
            guard !parents.contains(candidate), let stat = try? reader.stat(of: candidate) else { return false }
            return parents.contains(stat.parent) && !stat.isZombie
        }
    }
}
