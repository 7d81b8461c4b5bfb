import CLinux

/// An error number of the kernel: `EPERM`, `ESRCH`, ...
public struct Errno: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The number, positive.
    public let rawValue: Int32

    /// Takes any number; one that the system doesn't know prints as a number.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Operation not permitted.
    public static let notPermitted = Errno(rawValue: 1)
    /// No such file or directory; under `/proc`, also a process that has gone.
    public static let noSuchFile = Errno(rawValue: 2)
    /// No such process.
    public static let noSuchProcess = Errno(rawValue: 3)
    /// A signal interrupted the call.
    public static let interrupted = Errno(rawValue: 4)
    /// Input or output error; for memory of another process: not mapped.
    public static let inputOutput = Errno(rawValue: 5)
    /// No child processes to wait for.
    public static let noChild = Errno(rawValue: 10)
    /// Try again: the resource is busy now.
    public static let tryAgain = Errno(rawValue: 11)
    /// Out of memory.
    public static let noMemory = Errno(rawValue: 12)
    /// Permission denied.
    public static let accessDenied = Errno(rawValue: 13)
    /// Bad address.
    public static let badAddress = Errno(rawValue: 14)
    /// Device or resource busy.
    public static let busyResource = Errno(rawValue: 16)
    /// File exists.
    public static let fileExists = Errno(rawValue: 17)
    /// No such device; under `/sys`, also one that went away behind an open file.
    public static let noSuchDevice = Errno(rawValue: 19)
    /// Not a directory.
    public static let notDirectory = Errno(rawValue: 20)
    /// Is a directory.
    public static let isDirectory = Errno(rawValue: 21)
    /// Invalid argument.
    public static let invalidArgument = Errno(rawValue: 22)
    /// Too many open descriptors in this process.
    public static let tooManyDescriptors = Errno(rawValue: 24)
    /// The device or file doesn't know this ioctl(2).
    public static let notTerminal = Errno(rawValue: 25)
    /// File larger than allowed.
    public static let fileTooLarge = Errno(rawValue: 27)
    /// No space left on the device.
    public static let noSpace = Errno(rawValue: 28)
    /// The kernel doesn't have this call.
    public static let notImplemented = Errno(rawValue: 38)
    /// Directory not empty.
    public static let notEmpty = Errno(rawValue: 39)
    /// Not in the form expected.
    public static let badMessage = Errno(rawValue: 74)
    /// The deadline passed.
    public static let timedOut = Errno(rawValue: 110)

    /// The name, `EPERM`; for an unknown number `errno 4095`.
    public var name: String {
        // Sound: the C function returns a terminated string of static storage for every number.
        let known = unsafe String(cString: linux_error_name(rawValue))
        return known.isEmpty ? "errno \(rawValue)" : known
    }

    /// Name and the system's sentence: `ESRCH (No such process)`.
    public var description: String {
        // Sound: as in `name`.
        let text = unsafe String(cString: linux_error_text(rawValue))
        return text.isEmpty ? name : "\(name) (\(text))"
    }
}
