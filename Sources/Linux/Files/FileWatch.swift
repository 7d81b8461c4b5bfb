import CLinux

/// Opening of chosen files, held until it is allowed: fanotify(7) with permission events.
///
/// Whoever opens such a file, in any mount namespace, waits in the kernel until ``allow(_:)`` is called for its event.
/// When the value ends, or its process dies, the kernel lets everybody go who waits: nothing hangs.
///
/// The process's own opening is held as well, so a thread that opens nothing has to answer.
public struct FileWatch: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor
    private static let bufferSize = 16 << 10

    /// Somebody who waits.
    public struct Event: Sendable {
        /// The file, open for reading; closed by ``FileWatch/allow(_:)``.
        public let file: Int32
        /// Who opens it; 0 in a PID namespace that isn't below this one.
        public let thread: ThreadID
        /// Whether it is opened to be executed.
        public let isExecution: Bool
    }

    /// What is held.
    public enum Kind: Sendable {
        /// Opening in order to execute: execve(2).
        case execution
        /// Any other opening, by a dynamic linker among others.
        case opening
    }

    /// Watches nothing yet.
    ///
    /// - Throws: EPERM without CAP_SYS_ADMIN in the initial user namespace, ENOSYS or EINVAL if the kernel lacks it.
    public init() throws(SystemError) {
        let made = try SystemCallResult(linux_watch_create()).check("fanotify_init", "")
        descriptor = OwnedDescriptor(adopting: Int32(truncatingIfNeeded: made))
    }

    /// Watches the file at a path; the file, not the name.
    public borrowing func add(_ path: String, _ kind: Kind) throws(SystemError) {
        // Sound: the string is passed as a terminated copy that lives through the call.
        let result = unsafe linux_watch_add(descriptor.rawValue, path, kind == .execution ? 1 : 0)
        try SystemCallResult(result).check("fanotify_mark", path)
    }

    /// Waits until somebody waits; false if nobody does in time.
    public borrowing func wait(milliseconds: Int32) -> Bool { descriptor.isReadable(milliseconds: milliseconds) }

    /// Takes the events that are there.
    public borrowing func read() throws(SystemError) -> [Event] {
        var buffer = [UInt8](repeating: 0, count: Self.bufferSize)
        // Sound: the kernel writes at most the array's bytes.
        let result = unsafe buffer.withUnsafeMutableBytes { unsafe descriptor.read(into: $0) }
        if result.error == .tryAgain { return [] }
        let count = try result.check("read", "fanotify")
        return Self.events(buffer, count)
    }

    private static func events(_ buffer: [UInt8], _ count: Int) -> [Event] {
        var events: [Event] = []
        var at = 0
        while at < count {
            var raw = linux_open_event()
            // Sound: the slice lies inside the array, and the call looks at no more than its count.
            let isWhole = unsafe buffer.withUnsafeBytes { bytes in
                unsafe linux_watch_parse(bytes.baseAddress.map { unsafe $0 + at }, count - at, &raw) != 0
            }
            guard isWhole else { return events }
            // A full queue is told without a file.
            if raw.file >= 0 {
                events.append(
                    Event(
                        file: raw.file, thread: ThreadID(raw.thread),
                        isExecution: raw.mask & linux_watch_execution_bit() != 0))
            }
            at += Int(raw.length)
        }
        return events
    }

    /// Lets somebody go on who waits.
    public borrowing func allow(_ event: Event) {
        _ = linux_watch_allow(descriptor.rawValue, event.file)
        _ = linux_close(event.file)
    }
}
