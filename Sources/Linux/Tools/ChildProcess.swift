import CLinux

/// A program that runs beside us, as the leader of a process group of its own.
///
/// When the value goes out of scope before ``wait()``, the whole group is killed and the child is reaped: no
/// tool outlives a stage that was given up.
public struct ChildProcess: ~Copyable, Sendable {
    /// Its number; it stays the child's until the child was waited for.
    public let id: ProcessID

    /// Starts a command; its ``Command/input``, timeout and limit don't apply.
    ///
    /// - Parameters:
    ///   - input: a descriptor of the caller that the program reads; -1 means `/dev/null`. Likewise `output` and
    ///     `error`, where it writes.
    /// - Throws: ENOENT if the program isn't found, and what posix_spawn(3) answers.
    public init(
        _ command: Command, input: Int32 = -1, output: Int32 = 1, error: Int32 = 2
    ) throws(SystemError) {
        let path = try Executable.find(command.program)
        let request = SpawnRequest(
            path: path, arguments: [command.program] + command.arguments, environment: command.environment,
            directory: command.directory, input: input, output: output, error: error, newGroup: true)
        // Sound: the request lives through the call that it is lent to.
        let result = unsafe request.lend { unsafe SystemCallResult(linux_spawn($0)) }
        id = ProcessID(Int32(truncatingIfNeeded: try result.check("posix_spawn", path)))
    }

    deinit {
        Self.killGroup(of: id)
        _ = Tracing.wait(id.mainThread)
    }

    /// Waits until the child has ended; answers how it did.
    public consuming func wait() throws(SystemError) -> WaitStatus {
        let id = id
        discard self
        let answer = Tracing.wait(id.mainThread)
        try answer.result.check("wait4", "process \(id)")
        return answer.status
    }

    /// Waits at most until `deadline`; if it passes, the group is killed.
    public consuming func wait(
        until deadline: MonotonicTime
    ) throws(SystemError) -> (status: WaitStatus, timedOut: Bool) {
        let timedOut = try !ProcessDescriptor(id).waitForEnd(until: deadline)
        if timedOut { killGroup() }
        return (try wait(), timedOut)
    }

    /// Kills the child and what it started, as far as it stayed in the child's process group.
    public borrowing func killGroup() { Self.killGroup(of: id) }

    private static func killGroup(of id: ProcessID) { _ = linux_kill(-id.rawValue, Signal.kill.rawValue) }
}
