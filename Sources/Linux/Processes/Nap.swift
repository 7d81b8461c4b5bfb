import CLinux

/// Letting time pass.
public enum Nap {
    /// Sleeps for at most that many nanoseconds; a signal ends it early.
    public static func nanoseconds(_ count: UInt64) { linux_sleep(count) }

    /// Lets other threads of this processor run: sched_yield(2).
    public static func yield() { linux_yield() }
}
