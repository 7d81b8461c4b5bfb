import CLinux

/// A stable hold on one process: a pidfd, which never comes to mean another process when the number is reused.
public struct ProcessDescriptor: ~Copyable, Sendable {
    /// The number it had when it was opened.
    public let process: ProcessID
    private let descriptor: OwnedDescriptor

    /// Takes hold of a process: pidfd_open(2).
    public init(_ process: ProcessID) throws(SystemError) {
        self.process = process
        let fd = try SystemCallResult(linux_pidfd_open(process.rawValue, 0))
            .check("pidfd_open", "process \(process)")
        descriptor = OwnedDescriptor(adopting: Int32(truncatingIfNeeded: fd))
    }

    /// Sends a signal: pidfd_send_signal(2).
    public borrowing func send(_ signal: Signal) throws(SystemError) {
        try SystemCallResult(linux_pidfd_send_signal(descriptor.rawValue, signal.rawValue))
            .check("pidfd_send_signal", "process \(process)")
    }

    /// Whether the process has ended (it may still be a zombie).
    public borrowing func hasEnded() throws(SystemError) -> Bool {
        try waitForEnd(milliseconds: 0)
    }

    /// Waits until the process ends, at most until `deadline`; false if it passed.
    ///
    /// Doesn't take the exit status.
    public borrowing func waitForEnd(until deadline: MonotonicTime) throws(SystemError) -> Bool {
        while true {
            let left = MonotonicTime.now.duration(to: deadline).components
            let milliseconds = min(left.seconds, 86_400) * 1000 + left.attoseconds / 1_000_000_000_000_000
            if try waitForEnd(milliseconds: Int32(milliseconds)) { return true }
            if MonotonicTime.now >= deadline { return false }
            linux_yield()
        }
    }

    private borrowing func waitForEnd(milliseconds: Int32) throws(SystemError) -> Bool {
        var descriptor = descriptor.rawValue
        var ready: Int32 = 0
        // Sound: count 1 for the one descriptor and the one answer.
        let result = retryingInterrupts { unsafe linux_poll(&descriptor, 1, milliseconds, &ready) }
        return try result.check("poll", "process \(process)") > 0
    }

    /// Duplicates an open descriptor of the process: pidfd_getfd(2), Linux 5.6.
    public borrowing func duplicate(remote fd: Int32) throws(SystemError) -> OwnedDescriptor {
        let result = SystemCallResult(linux_pidfd_getfd(descriptor.rawValue, fd))
        let copy = try result.check("pidfd_getfd", "descriptor \(fd) of process \(process)")
        return OwnedDescriptor(adopting: Int32(truncatingIfNeeded: copy))
    }
}

extension ProcessID {
    /// Sends a signal to whatever has this number now: kill(2).
    public func send(_ signal: Signal) throws(SystemError) {
        try SystemCallResult(linux_kill(rawValue, signal.rawValue)).check("kill", "process \(self)")
    }
}

extension ThreadID {
    /// Sends a signal to one thread: tgkill(2).
    public func send(_ signal: Signal, in process: ProcessID) throws(SystemError) {
        try SystemCallResult(linux_tgkill(process.rawValue, rawValue, signal.rawValue))
            .check("tgkill", "thread \(self)")
    }
}
