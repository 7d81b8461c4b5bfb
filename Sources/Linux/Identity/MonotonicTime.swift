import CLinux

/// A moment on CLOCK_MONOTONIC: never set back, stands still while the machine sleeps.
public struct MonotonicTime: Hashable, Comparable, Sendable {
    /// Nanoseconds since an arbitrary start.
    public let nanoseconds: UInt64

    /// Takes nanoseconds of the same clock.
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Now.
    public static var now: MonotonicTime { MonotonicTime(nanoseconds: linux_monotonic_nanoseconds()) }

    /// The moment `duration` from here; a duration out of reach gives the end of time.
    public func advanced(by duration: Duration) -> MonotonicTime {
        let (seconds, attoseconds) = duration.components
        if seconds < 0 || attoseconds < 0 { return self }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (span, overflow2) = whole.addingReportingOverflow(UInt64(attoseconds) / 1_000_000_000)
        let (sum, overflow3) = nanoseconds.addingReportingOverflow(span)
        return MonotonicTime(nanoseconds: overflow || overflow2 || overflow3 ? .max : sum)
    }

    /// The time from here to `later`; zero if that lies before.
    public func duration(to later: MonotonicTime) -> Duration {
        later <= self
            ? .zero : .nanoseconds(Int64(clamping: later.nanoseconds - nanoseconds))
    }

    /// Orders by time.
    public static func < (a: MonotonicTime, b: MonotonicTime) -> Bool { a.nanoseconds < b.nanoseconds }
}

/// Waiting for something that can only be polled: first yields, then sleeps that grow to a millisecond.
public struct Backoff: Sendable {
    private let deadline: MonotonicTime
    private var tries: UInt64 = 0

    /// Waits no longer than up to `deadline`.
    public init(deadline: MonotonicTime) { self.deadline = deadline }

    /// Lets some time pass; false if the deadline has passed instead.
    public mutating func pause() -> Bool {
        let now = MonotonicTime.now
        if now >= deadline { return false }
        tries &+= 1
        if tries < 20 {
            linux_yield()
        } else {
            let nap = min(10_000 * (tries - 19), 1_000_000)
            linux_sleep(min(nap, deadline.nanoseconds - now.nanoseconds))
        }
        return true
    }
}
