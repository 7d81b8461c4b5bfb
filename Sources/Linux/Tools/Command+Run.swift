import CLinux
import Glibc

// Running a Command: three pipes, posix_spawn, a loop that moves bytes until the child is done, wait for
// exactly that child.

extension Command {
    /// Runs the command to its end and collects what it writes.
    ///
    /// - Throws: if it can't be started (ENOENT, EACCES) or watched. A tool that fails is not an error here.
    public func run() throws(SystemError) -> CommandResult {
        let output = try OwnedDescriptor.pipe()
        let error = try OwnedDescriptor.pipe()
        let input = try inputFile()
        let pid = try spawn(
            input: input, output: output.writing.rawValue, error: error.writing.rawValue)
        var collector = OutputCollector(
            output: closingWriter(of: output), error: closingWriter(of: error), limit: outputLimit)
        let deadline = timeout.map { MonotonicTime.now.advanced(by: $0) }
        let finished: Bool
        do throws(SystemError) {
            finished = try collector.collect(until: deadline)
        } catch let failure {
            endGroup(of: pid)
            _ = Tracing.wait(pid.mainThread)
            throw failure
        }
        return try finish(pid, collector.output, collector.error, finished, deadline)
    }

    /// Runs the command with this process's own terminal for its output.
    public func runAttached() throws(SystemError) -> WaitStatus {
        let pid = try spawn(input: try inputFile(), output: 1, error: 2)
        let deadline = timeout.map { MonotonicTime.now.advanced(by: $0) }
        return try finish(pid, [], [], true, deadline).status
    }

    private func closingWriter(of pipe: consuming OwnedDescriptor.Pipe) -> OwnedDescriptor { pipe.reading }

    /// The input in a file in memory, so that writing it can't block on a tool that doesn't read.
    private func inputFile() throws(SystemError) -> OwnedDescriptor {
        guard let input else { return try OwnedDescriptor.open("/dev/null") }
        let file = try OwnedDescriptor.memory(name: "tsugite-input")
        try file.writeAll(input, name: "input of \(program)")
        try SystemCallResult(linux_rewind(file.rawValue)).check("lseek", "input of \(program)")
        return file
    }

    private func spawn(
        input: borrowing OwnedDescriptor, output: Int32, error: Int32
    ) throws(SystemError) -> ProcessID {
        let path = try Executable.find(program)
        let request = SpawnRequest(
            path: path, arguments: [program] + arguments, environment: environment, directory: directory,
            input: input.rawValue, output: output, error: error, newGroup: true)
        // Sound: the request lives through the call that it is lent to.
        let result = unsafe request.lend { unsafe SystemCallResult(linux_spawn($0)) }
        return ProcessID(Int32(truncatingIfNeeded: try result.check("posix_spawn", path)))
    }

    /// Waits for the child itself: its outputs may be closed before it ends.
    private func finish(
        _ pid: ProcessID, _ output: [UInt8], _ error: [UInt8], _ finished: Bool, _ deadline: MonotonicTime?
    ) throws(SystemError) -> CommandResult {
        var timedOut = !finished
        if let deadline, !timedOut {
            timedOut = try !ProcessDescriptor(pid).waitForEnd(until: deadline)
        }
        if timedOut { endGroup(of: pid) }
        let answer = Tracing.wait(pid.mainThread)
        try answer.result.check("wait4", "process \(pid)")
        return CommandResult(status: answer.status, output: output, error: error, timedOut: timedOut)
    }

    private func endGroup(of pid: ProcessID) { _ = linux_kill(-pid.rawValue, Signal.kill.rawValue) }
}
