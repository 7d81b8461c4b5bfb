import CLinux

/// The signals that ask a program to end, taken at a time of its own choice: SIGINT, SIGTERM, SIGHUP.
public enum EndSignals {
    /// From now on they wait; call it before other threads are made.
    public static func block() throws(SystemError) {
        try SystemCallResult(linux_block_end_signals()).check("pthread_sigmask", "")
    }

    /// Whether one has come; it is taken: sigtimedwait(2).
    public static func arrived() -> Bool { linux_take_end_signal() != 0 }
}
