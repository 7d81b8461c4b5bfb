import CLinux

/// A timer that keeps blocking waits from lasting for ever: it interrupts the thread that made it.
///
/// A thread in an uninterruptible sleep can't be stopped, and the threads stopped before it would stand still as
/// long as it sleeps. wait4(2) has no time limit, so the limit is a signal, sent again and again while armed: one
/// that arrives just before the wait isn't the last.
public struct StopAlarm: ~Copyable {
    private let timer: Int32

    /// How often a wait is looked after that mustn't last, in nanoseconds.
    public static let usualPeriod: UInt64 = 2_000_000

    /// Makes a timer for the calling thread; it isn't armed.
    public init() throws(SystemError) {
        var made: Int32 = 0
        // Sound: the call writes one int, and answers whether it did.
        try SystemCallResult(unsafe linux_alarm_create(&made)).check("timer_create", "")
        timer = made
    }

    deinit { linux_alarm_delete(timer) }

    /// Interrupts the thread every `nanoseconds` from now on; 0 means no more.
    @inline(__always)
    public borrowing func set(nanoseconds: UInt64) { _ = linux_alarm_set(timer, nanoseconds) }
}

extension Tracing {
    /// Waits until the thread changes state or a signal interrupts the wait (EINTR): see ``StopAlarm``.
    @inline(__always)
    public static func waitInterruptibly(_ thread: ThreadID) -> WaitAnswer {
        waitInterruptibly(thread.rawValue, LINUX_WALL)
    }

    /// Waits until any thread that the calling thread traces changes state, or a signal interrupts the wait.
    @inline(__always)
    public static func waitInterruptiblyForAny() -> WaitAnswer {
        waitInterruptibly(-1, LINUX_WALL | LINUX_WNOTHREAD)
    }

    @inline(__always)
    private static func waitInterruptibly(_ id: Int32, _ options: Int32) -> WaitAnswer {
        let answer = linux_wait(id, options)
        return WaitAnswer(result: SystemCallResult(answer.result), rawStatus: answer.status)
    }
}

/// The number of threads of a process, asked again and again at the price of one system call.
public struct ThreadCounter: ~Copyable {
    private let directory: OwnedDescriptor

    /// Opens the process's list of threads.
    public init(of process: ProcessID) throws(SystemError) {
        directory = try OwnedDescriptor.open("/proc/\(process)/task", [.readOnly, .directory])
    }

    /// The threads that the process has now, a main thread that ended before the others included; nil once it
    /// has gone.
    @inline(__always)
    public borrowing func count() -> Int? {
        let result = SystemCallResult(linux_thread_count(directory.rawValue))
        return result.failed || result.rawValue < 0 ? nil : result.rawValue
    }
}

/// Finding bytes and sealing files for which Swift has no fast way.
public enum RawBytes {
    /// The position of the first such byte at or behind `start`, or the count: memchr(3).
    @inline(__always)
    public static func firstIndex(
        of byte: UInt8, in bytes: UnsafeRawBufferPointer, from start: Int
    ) -> Int {
        guard let base = bytes.baseAddress, start >= 0, start < bytes.count else { return bytes.count }
        // Sound: the search covers the rest of the buffer.
        return unsafe start + linux_find_byte(base + start, bytes.count - start, Int32(byte))
    }
}

extension OwnedDescriptor {
    /// Makes a memory file's bytes and size final: fcntl(F_ADD_SEALS).
    public borrowing func seal() throws(SystemError) {
        try SystemCallResult(linux_seal(rawValue)).check("fcntl(F_ADD_SEALS)", "")
    }
}
