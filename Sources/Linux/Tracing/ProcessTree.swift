import CLinux

/// The traced processes of one ``ProcessTreeTracer`` and what is to be done at each of their stops.
struct ProcessTree {
    /// What is known of one traced thread.
    private struct Member {
        /// The thread group it belongs to.
        var process: ProcessID
        /// The process that made that process.
        var parent: ProcessID
    }

    private let root: ProcessID
    /// Whether any process of the tree has started a program.
    private(set) var hasExecuted = false
    private var members: [ThreadID: Member] = [:]
    private var reader = ProcReader()

    init(root: ProcessID) {
        self.root = root
        members[root.mainThread] = Member(process: root, parent: .current)
    }

    /// Follows the tree until the root ends; answers how it did.
    mutating func follow(_ handler: (ProcessTreeTracer.Event) -> Void) throws(SystemError) -> WaitStatus {
        while true {
            let (thread, status) = try next()
            act(on: thread, status, handler)
            if thread == root.mainThread, status.hasEnded { return status }
        }
    }

    /// Follows what outlives the root until nothing is left.
    mutating func followRest(_ handler: (ProcessTreeTracer.Event) -> Void) throws(SystemError) {
        while !members.isEmpty {
            let answer = Tracing.waitForAnyOfThisThread()
            if answer.result.error == .noChild { return }
            try answer.result.check("wait4", "the traced processes")
            if let thread = answer.thread { act(on: thread, answer.status, handler) }
        }
    }

    /// Kills every process of the tree that is left.
    func killAll() {
        for thread in members.keys { _ = linux_kill(thread.rawValue, Signal.kill.rawValue) }
    }

    /// Lets go of every thread that is left.
    mutating func detachAll() {
        for thread in members.keys { Tracing.release(thread) }
        members.removeAll()
    }

    private func next() throws(SystemError) -> (ThreadID, WaitStatus) {
        let answer = Tracing.waitForAnyOfThisThread()
        try answer.result.check("wait4", "the traced processes")
        guard let thread = answer.thread else {
            throw SystemError(call: "wait4", errno: .noChild, object: "the traced processes")
        }
        return (thread, answer.status)
    }

    /// One change of state: what it means, and how the thread goes on.
    ///
    /// A thread that was killed meanwhile answers ESRCH, and its end is reported next.
    private mutating func act(
        on thread: ThreadID, _ status: WaitStatus, _ handler: (ProcessTreeTracer.Event) -> Void
    ) {
        switch status {
        case .event(.fork), .event(.vfork), .event(.clone):
            adopt(madeBy: thread, isThread: status == .event(.clone), handler)
            _ = Tracing.resume(thread)
        case .event(.exec):
            exec(thread, handler)
            _ = Tracing.resume(thread)
        case .signalStop(let signal):
            _ = Tracing.resume(thread, delivering: signal)
        case .groupStop:
            _ = Tracing.listen(thread)
        case .interruptStop:
            if members[thread] == nil { introduce(thread, handler) }
            _ = Tracing.resume(thread)
        case .event(.exit):
            let process = ProcessID(thread.rawValue)
            if members[thread]?.process == process { handler(.ending(process)) }
            _ = Tracing.resume(thread)
        case .event, .systemCallStop:
            _ = Tracing.resume(thread)
        case .exited, .killed:
            end(thread, status, handler)
        case .continued, .unknown:
            break
        }
    }

    /// A parent's event names its child.
    private mutating func adopt(
        madeBy thread: ThreadID, isThread: Bool, _ handler: (ProcessTreeTracer.Event) -> Void
    ) {
        var message: UInt64 = 0
        guard !Tracing.eventMessage(thread, into: &message).failed, let id = Int32(exactly: message) else { return }
        let child = ThreadID(id)
        let maker = members[thread]?.process ?? ProcessID(thread.rawValue)
        if members[child] != nil { return }
        // clone(2) makes threads and, rarely, processes: the kernel knows whether the child is one of the maker's.
        if isThread, linux_tgkill(maker.rawValue, id, 0) == 0 {
            members[child] = Member(process: maker, parent: members[thread]?.parent ?? .current)
        } else {
            members[child] = Member(process: ProcessID(id), parent: maker)
            handler(.fork(child: ProcessID(id), parent: maker))
        }
    }

    /// A child stops for the first time before its parent's event came.
    private mutating func introduce(_ thread: ThreadID, _ handler: (ProcessTreeTracer.Event) -> Void) {
        guard let status = try? reader.status(of: thread) else { return }
        members[thread] = Member(process: status.process, parent: status.parent)
        if status.process.mainThread == thread {
            handler(.fork(child: status.process, parent: status.parent))
        }
    }

    /// After exec the process has one thread, which carries the process's number whoever asked for it.
    private mutating func exec(_ thread: ThreadID, _ handler: (ProcessTreeTracer.Event) -> Void) {
        var former: UInt64 = 0
        let process = ProcessID(thread.rawValue)
        if !Tracing.eventMessage(thread, into: &former).failed, let id = Int32(exactly: former),
            id != thread.rawValue
        {
            members[ThreadID(id)] = nil
        }
        hasExecuted = true
        let parent = members[thread]?.parent ?? .current
        members[thread] = Member(process: process, parent: parent)
        handler(.exec(process, parent: parent))
    }

    private mutating func end(
        _ thread: ThreadID, _ status: WaitStatus, _ handler: (ProcessTreeTracer.Event) -> Void
    ) {
        let member = members.removeValue(forKey: thread)
        if member?.process.mainThread == thread { handler(.exit(ProcessID(thread.rawValue), status)) }
    }
}
