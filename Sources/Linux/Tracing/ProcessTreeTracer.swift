import CLinux

// Follows every process that a command starts, however deep, and stops each at its execve(2) so that the
// caller can look at it: arguments, folder, environment are in /proc at that moment and can't be missed.
//
// The tracer subscribes to fork, vfork, clone and exec, never to system calls, so a compile costs four stops:
//
//   1. the parent's fork event      message: the child's id; parent goes on
//   2. the child's first stop       goes on at once
//   3. the child's exec event       the caller looks; goes on
//   4. its end                      reported by wait4, no stop
//
// 1 and 2 come in either order. If 2 comes first we don't know the parent yet and ask /proc; the child must
// not be held back until 1, which never comes if the parent is killed in between.
//
// Everything else passes through: signals are delivered as they come, group stops are listened to, so
// Ctrl-Z and `kill -STOP` work as without a tracer. All children are killed by the kernel if the tracer
// dies (PTRACE_O_EXITKILL).
//
// ptrace belongs to one thread and wait4(__WNOTHREAD) takes only this thread's children, so several tracers
// and other children can live in one process, each on its own thread.

/// Runs a command and watches the whole tree of processes that comes from it.
public struct ProcessTreeTracer: Sendable {
    /// The command: its program, arguments, environment, folder.
    ///
    /// Input, limits and timeout don't apply.
    public var command: Command
    /// Descriptors that the command reads and writes; -1 means `/dev/null`.
    ///
    /// They stay the caller's.
    public var input: Int32 = -1
    /// See ``input``.
    public var output: Int32 = 1
    /// See ``input``.
    public var error: Int32 = 2
    /// What happens to processes that outlive the command itself (daemons of a build system).
    public var leftovers = Leftovers.detach

    /// Whether each process is stopped once more when its program has ended, for ``Event/ending(_:)``.
    public var stopsAtEnd = false

    /// What happens to processes that outlive the command itself.
    public enum Leftovers: Sendable {
        /// They go on, unwatched.
        case detach
        /// They are watched to their ends as well.
        case wait
        /// They are killed.
        case kill
    }

    /// Something that happened in the tree.
    public enum Event: Sendable {
        /// A process is about to run the first instruction of a new program, and stands still until the handler
        /// returns. `parent` is the process that made it.
        case exec(ProcessID, parent: ProcessID)
        /// A process made another, which may exec or not.
        case fork(child: ProcessID, parent: ProcessID)
        /// A process has run its program to the end and stands still until the handler returns: nobody who waits
        /// for it knows yet, so its files are as it left them. Only with ``stopsAtEnd``.
        case ending(ProcessID)
        /// A process ended. Its `/proc` entry may be gone already.
        case exit(ProcessID, WaitStatus)
    }

    /// Describes a run; nothing starts yet.
    public init(_ command: Command) { self.command = command }

    /// Runs the command to its end; `handler` sees each event in order, on this thread.
    ///
    /// - Returns: how the command itself ended.
    /// - Throws: if it can't be started or traced.
    public func run(_ handler: (Event) -> Void) throws(SystemError) -> WaitStatus {
        let path = try Executable.find(command.program)
        let child = try start(path)
        var tree = ProcessTree(root: child.process)
        let status = try tree.follow(handler)
        if !tree.hasExecuted { try Self.throwReason(child.failure, path) }
        switch leftovers {
        case .detach: tree.detachAll()
        case .wait: try tree.followRest(handler)
        case .kill:
            tree.killAll()
            try tree.followRest(handler)
        }
        return status
    }

    private struct Child: ~Copyable {
        let process: ProcessID
        /// Where the child writes the errno of an execve(2) that failed.
        let failure: OwnedDescriptor
    }

    /// Makes the child, seizes it while it waits, and lets it exec.
    private func start(_ path: String) throws(SystemError) -> Child {
        let request = SpawnRequest(
            path: path, arguments: [command.program] + command.arguments, environment: command.environment,
            directory: command.directory, input: input, output: output, error: error)
        var release: Int32 = -1
        var failure: Int32 = -1
        // Sound: the request lives through the call that it is lent to.
        let result = unsafe request.lend { unsafe SystemCallResult(linux_fork_held($0, &release, &failure)) }
        let id = ThreadID(Int32(truncatingIfNeeded: try result.check("fork", path)))
        let releasing = OwnedDescriptor(adopting: release)
        let failing = OwnedDescriptor(adopting: failure)
        var options: TraceOptions = [.fork, .vfork, .clone, .exec, .killWhenTracerExits]
        if stopsAtEnd { options.insert(.exit) }
        let seized = Tracing.seize(id, options: options)
        if seized.failed {
            _ = linux_kill(id.rawValue, Signal.kill.rawValue)
            _ = Tracing.wait(id)
            try seized.check("ptrace(PTRACE_SEIZE)", "process \(id)")
        }
        try releasing.writeAll([1], name: "pipe to process \(id)")
        return Child(process: ProcessID(id.rawValue), failure: failing)
    }

    /// The child ended without an exec: it left the reason in the pipe, or was killed before it could.
    private static func throwReason(_ failure: borrowing OwnedDescriptor, _ path: String) throws(SystemError) {
        var reason: Int32 = 0
        // Sound: the kernel writes at most the 4 bytes of `reason`.
        let result = unsafe withUnsafeMutableBytes(of: &reason) { unsafe failure.read(into: $0) }
        if try result.check("read", "pipe from \(path)") == 4 {
            throw SystemError(call: "execve", errno: Errno(rawValue: reason), object: path)
        }
    }
}
