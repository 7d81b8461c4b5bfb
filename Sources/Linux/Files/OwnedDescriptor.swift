import CLinux
import Glibc

/// An open file descriptor that closes itself; always close-on-exec.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number, for calls of this room.
    ///
    /// It must not outlive this value.
    public let rawValue: Int32

    /// Takes over an open descriptor, which must be close-on-exec already.
    public init(adopting rawValue: Int32) { self.rawValue = rawValue }

    deinit { _ = linux_close(rawValue) }

    /// Gives the descriptor to the caller, who closes it.
    public consuming func release() -> Int32 {
        let rawValue = rawValue
        discard self
        return rawValue
    }

    /// How a file is opened: the flags of open(2), without O_CLOEXEC, which is always added.
    public struct OpenFlags: OptionSet, Sendable {
        /// The bits of open(2).
        public let rawValue: Int32
        /// Takes the bits of open(2).
        public init(rawValue: Int32) { self.rawValue = rawValue }
        /// Only reading.
        public static let readOnly = OpenFlags(rawValue: O_RDONLY)
        /// Only writing.
        public static let writeOnly = OpenFlags(rawValue: O_WRONLY)
        /// Reading and writing.
        public static let readWrite = OpenFlags(rawValue: O_RDWR)
        /// Made if it isn't there.
        public static let create = OpenFlags(rawValue: O_CREAT)
        /// Fails if it is there.
        public static let exclusive = OpenFlags(rawValue: O_EXCL)
        /// Emptied first.
        public static let truncate = OpenFlags(rawValue: O_TRUNC)
        /// Every write goes to the end.
        public static let append = OpenFlags(rawValue: O_APPEND)
        /// Fails unless it is a directory.
        public static let directory = OpenFlags(rawValue: O_DIRECTORY)
        /// Fails if the last part is a symbolic link.
        public static let noFollow = OpenFlags(rawValue: O_NOFOLLOW)
        /// Names the file without access to its contents.
        public static let pathOnly = OpenFlags(rawValue: LINUX_O_PATH)
        /// Doesn't wait, for pipes and devices.
        public static let nonBlocking = OpenFlags(rawValue: O_NONBLOCK)
    }

    /// Opens a file: openat(2).
    ///
    /// - Parameter mode: permissions of a file made by this call, before the umask.
    public static func open(
        _ path: String, _ flags: OpenFlags = .readOnly, mode: UInt32 = 0o644
    ) throws(SystemError) -> OwnedDescriptor {
        try open(path, at: LINUX_AT_FDCWD, flags, mode: mode)
    }

    /// Opens a file named relative to this directory: openat(2).
    public borrowing func open(
        _ path: String, _ flags: OpenFlags = .readOnly, mode: UInt32 = 0o644
    ) throws(SystemError) -> OwnedDescriptor {
        try Self.open(path, at: rawValue, flags, mode: mode)
    }

    private static func open(
        _ path: String, at directory: Int32, _ flags: OpenFlags, mode: UInt32
    ) throws(SystemError) -> OwnedDescriptor {
        if path.utf8.contains(0) {
            throw SystemError(call: "openat", errno: .invalidArgument, object: path)
        }
        // Sound: the string is passed as a terminated copy that lives through the call.
        let result = retryingInterrupts {
            unsafe linux_openat(directory, path, flags.rawValue | O_CLOEXEC, mode)
        }
        return OwnedDescriptor(adopting: Int32(truncatingIfNeeded: try result.check("openat", path)))
    }

    /// Another descriptor for the same open file: fcntl(F_DUPFD_CLOEXEC).
    public borrowing func duplicate() throws(SystemError) -> OwnedDescriptor {
        let result = SystemCallResult(linux_duplicate(rawValue))
        return OwnedDescriptor(
            adopting: Int32(truncatingIfNeeded: try result.check("fcntl(F_DUPFD_CLOEXEC)", "")))
    }

    /// A pipe: what is written to the second can be read from the first.
    public static func pipe() throws(SystemError) -> Pipe {
        var ends: (Int32, Int32) = (-1, -1)
        // Sound: the call writes two ints, which is what the pair is.
        let result = unsafe withUnsafeMutableBytes(of: &ends) { bytes in
            unsafe SystemCallResult(linux_pipe(bytes.baseAddress?.assumingMemoryBound(to: Int32.self)))
        }
        try result.check("pipe2", "")
        return Pipe(
            reading: OwnedDescriptor(adopting: ends.0), writing: OwnedDescriptor(adopting: ends.1))
    }

    /// The two ends of a pipe.
    public struct Pipe: ~Copyable, Sendable {
        /// Where bytes come out.
        public var reading: OwnedDescriptor
        /// Where bytes go in.
        public var writing: OwnedDescriptor

        /// Keeps the reading end and closes the other, so that the end of file comes when all writers are gone.
        public consuming func keepingReader() -> OwnedDescriptor { reading }
    }
}
