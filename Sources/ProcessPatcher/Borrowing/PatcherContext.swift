import Findings
import Linux

/// What one worker keeps from process to process.
final class PatcherContext {
    /// Who we are, for the journals.
    let patcher: PatcherIdentity
    /// Threads that are still to be let go.
    let orphans = Orphans()
    /// A thread that this operating system thread has stopped already and keeps stopped: see ``HeldStart``.
    var custody: ThreadID?
    private var gadgets = GadgetFinder()

    init(_ patcher: PatcherIdentity) { self.patcher = patcher }

    /// Whether the patcher of a journal is still at work.
    func isAlive(_ other: PatcherIdentity) -> Bool {
        // A number of another PID namespace can't be looked up here: taken for alive for safety's sake.
        if other.namespace != patcher.namespace { return true }
        if other == patcher { return true }
        var reader = ProcReader()
        guard let stat = try? reader.stat(of: other.process) else { return false }
        return stat.startTime == other.startTime && !stat.isZombie
    }

    /// Instructions of a process to make system calls with; nil if there are none.
    func gadget(_ session: ProcessSession) throws(PatcherError) -> SystemCallGadget? {
        try gadgets.find(session.space, session.memory.remote)
    }

    /// Borrows a thread of a process: one that sleeps, if there is one, as it won't notice.
    ///
    /// - Parameter suits: says of a stopped thread whether it will do.
    func borrow(
        _ session: ProcessSession, where suits: (borrowing BorrowedThread) -> Bool = { _ in true }
    ) throws(PatcherError) -> BorrowedThread {
        guard let gadget = try gadgets.find(session.space, session.memory.remote) else {
            throw Self.none(session.process, "no instruction to make system calls with was found")
        }
        _ = orphans.settle(until: MonotonicTime.now.advanced(by: .seconds(1)))
        var why = "it has no thread"
        let all: [ThreadID]
        if let custody { all = [custody] } else { all = try candidates(session.process) }
        for id in all {
            do {
                if let borrowed = try borrow(id, session, gadget) {
                    if suits(borrowed) { return borrowed }
                    try borrowed.giveBack()
                }
                why = "no thread is in a state in which it can be borrowed"
            } catch {
                if error.isGone { continue }
                if error.errno == .notPermitted || error.errno == .accessDenied {
                    throw ThreadHold.refusal(error.errno, id, session.process)
                }
                why = error.finding.message
            }
        }
        throw Self.none(session.process, why)
    }

    private func borrow(
        _ id: ThreadID, _ session: ProcessSession, _ gadget: SystemCallGadget
    ) throws(SystemError) -> BorrowedThread? {
        var reader = ProcReader()
        let filtered = try reader.status(of: id).seccompMode != 0
        return try BorrowedThread.borrow(
            id, of: session.process, session.space, session.memory.remote, gadget, suspendingSeccomp: filtered,
            orphans, isHeld: id == custody)
    }

    /// Sleeping threads first; of many threads only some are looked at.
    private func candidates(_ process: ProcessID) throws(PatcherError) -> [ThreadID] {
        let threads = try onProcess(process) { () throws(SystemError) in try ThreadList.now(of: process) }
        var reader = ProcReader()
        var sleeping: [ThreadID] = []
        var others: [ThreadID] = []
        for id in threads.prefix(64) {
            guard let stat = try? reader.stat(of: ProcessID(id.rawValue)) else { continue }
            switch stat.state {
            case "S", "T": sleeping.append(id)
            case "R": others.append(id)
            default: continue
            }
            if sleeping.count >= 4 { break }
        }
        return sleeping + others
    }

    private static func none(_ process: ProcessID, _ why: String) -> PatcherError {
        PatcherError(
            Finding(
                .processNoThread, "no thread of process \(process) could be borrowed: \(why)",
                evidence: ["pid": "\(process)"]))
    }
}

extension PatcherIdentity {
    /// This process.
    static func current() throws(PatcherError) -> PatcherIdentity {
        let own = ProcessID.current
        var reader = ProcReader()
        let stat = try onProcess(own) { () throws(SystemError) in try reader.stat(of: own) }
        let namespace = try onProcess(own) { () throws(SystemError) in try ProcessFiles.namespace("pid", of: own) }
        return PatcherIdentity(process: own, startTime: stat.startTime, namespace: namespace)
    }
}
