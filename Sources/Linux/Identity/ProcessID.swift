import CLinux

/// A process (thread group) as this PID namespace numbers it.
public struct ProcessID: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// The number.
    public let rawValue: Int32

    /// Takes a number, unchecked: asking the kernel about it is the check.
    @inlinable
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Takes a number, unchecked: asking the kernel about it is the check.
    @inlinable
    public init(_ rawValue: Int32) { self.rawValue = rawValue }

    /// This process.
    public static var current: ProcessID { ProcessID(linux_getpid()) }

    /// The thread that has the same number: the one that `main` runs on.
    @inlinable
    public var mainThread: ThreadID { ThreadID(rawValue) }

    /// The number in decimal.
    public var description: String { String(rawValue) }

    /// Orders by number.
    @inlinable
    public static func < (a: ProcessID, b: ProcessID) -> Bool { a.rawValue < b.rawValue }
}

/// A thread as this PID namespace numbers it.
///
/// Not interchangeable with a process: signals, waits and `ptrace` take threads, `/proc` and `pidfd` take
/// processes.
public struct ThreadID: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// The number.
    public let rawValue: Int32

    /// Takes a number, unchecked: asking the kernel about it is the check.
    @inlinable
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Takes a number, unchecked: asking the kernel about it is the check.
    @inlinable
    public init(_ rawValue: Int32) { self.rawValue = rawValue }

    /// The calling thread, asked of the kernel each time.
    public static var current: ThreadID { ThreadID(linux_gettid()) }

    /// The number in decimal.
    public var description: String { String(rawValue) }

    /// Orders by number.
    @inlinable
    public static func < (a: ThreadID, b: ThreadID) -> Bool { a.rawValue < b.rawValue }
}
