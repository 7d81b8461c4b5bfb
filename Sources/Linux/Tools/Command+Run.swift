import CLinux

// Running a Command: two pipes, posix_spawn, a loop that moves bytes until both pipes are closed, then the
// wait for exactly that child.

extension Command {
    /// Runs the command to its end and collects what it writes.
    ///
    /// The end is when the program has ended *and* nobody holds its outputs open any more, as in a shell's
    /// `$(...)`; give a ``timeout`` to programs that may leave daemons behind.
    ///
    /// - Throws: if it can't be started (ENOENT, EACCES) or watched. A tool that fails is not an error here.
    public func run() throws(SystemError) -> CommandResult {
        let deadline = timeout.map { MonotonicTime.now.advanced(by: $0) }
        let output = try OwnedDescriptor.pipe()
        let error = try OwnedDescriptor.pipe()
        let input = try inputFile()
        let child = try ChildProcess(
            self, input: input.rawValue, output: output.writing.rawValue, error: error.writing.rawValue)
        var collector = OutputCollector(
            output: output.keepingReader(), error: error.keepingReader(), limit: outputLimit)
        let complete = try collector.collect(until: deadline)
        if !complete { child.killGroup() }
        let (status, timedOut) = try Self.wait(for: child, until: deadline)
        return CommandResult(
            status: status, output: collector.output, error: collector.error, timedOut: timedOut || !complete)
    }

    /// Runs the command with this process's own output and error output.
    public func runAttached() throws(SystemError) -> CommandResult {
        let deadline = timeout.map { MonotonicTime.now.advanced(by: $0) }
        let input = try inputFile()
        let child = try ChildProcess(self, input: input.rawValue)
        let (status, timedOut) = try Self.wait(for: child, until: deadline)
        return CommandResult(status: status, output: [], error: [], timedOut: timedOut)
    }

    private static func wait(
        for child: consuming ChildProcess, until deadline: MonotonicTime?
    ) throws(SystemError) -> (WaitStatus, Bool) {
        guard let deadline else { return (try child.wait(), false) }
        return try child.wait(until: deadline)
    }

    /// The input in a file in memory, so that writing it can't block on a tool that doesn't read.
    private func inputFile() throws(SystemError) -> OwnedDescriptor {
        guard let input else { return try OwnedDescriptor.open("/dev/null") }
        let file = try OwnedDescriptor.memory(name: "tsugite-input")
        try file.writeAll(input, name: "input of \(program)")
        try SystemCallResult(linux_rewind(file.rawValue)).check("lseek", "input of \(program)")
        return file
    }
}
