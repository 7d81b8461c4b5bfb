public import Findings
import Glibc

/// A file could not be opened or read.
public struct FileError: DiagnosableError, Equatable, Sendable {
    /// The path as given.
    public let path: String
    /// The system call that failed, by its C name.
    public let call: String
    /// The reason, see errno(3).
    public let errno: Int32

    /// Makes an error from a failed call.
    public init(path: String, call: String, errno: Int32) {
        self.path = path
        self.call = call
        self.errno = errno
    }

    /// The error in common terms.
    public var finding: Finding {
        // strerror returns a C string that is never freed for known numbers.
        let reason = unsafe String(cString: strerror(errno))
        return Finding(
            .fileUnreadable, "\(path): \(reason)",
            evidence: ["call": call, "errno": "\(errno)", "path": path])
    }
}
