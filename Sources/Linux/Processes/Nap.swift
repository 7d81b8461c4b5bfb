import CLinux

/// Letting time pass.
public enum Nap {
    /// Sleeps for at most that many nanoseconds; a signal ends it early.
    public static func nanoseconds(_ count: UInt64) { linux_sleep(count) }
}
