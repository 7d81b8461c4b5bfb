import CLinux
import Glibc

/// What fstat(2) tells about a file.
public struct FileFacts: Hashable, Sendable {
    /// Device and inode.
    public let identity: FileIdentity
    /// Size in bytes.
    public let size: UInt64
    /// Last change of the contents, in nanoseconds since 1970; a time before or far after wraps.
    public let modified: UInt64
    /// Kind and permissions, `st_mode`.
    public let mode: UInt32
    /// The owner.
    public let owner: UInt32

    /// Whether it is an ordinary file.
    public var isRegular: Bool { mode & S_IFMT == S_IFREG }
    /// Whether it is a directory.
    public var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
    /// Whether it is a symbolic link; only seen without following.
    public var isSymbolicLink: Bool { mode & S_IFMT == S_IFLNK }

    private init(_ facts: linux_file_facts) {
        identity = FileIdentity(device: facts.device, inode: facts.inode)
        size = facts.size
        modified = facts.modified_seconds &* 1_000_000_000 &+ facts.modified_nanoseconds
        mode = facts.mode
        owner = facts.owner
    }

    /// The facts of a named file: fstatat(2).
    public static func of(_ path: String, followingLinks: Bool = true) throws(SystemError) -> FileFacts {
        var facts = linux_file_facts()
        let flags = followingLinks ? 0 : LINUX_AT_SYMLINK_NOFOLLOW
        // Sound: the call writes one structure, which is what `facts` is.
        try unsafe SystemCallResult(linux_stat_at(LINUX_AT_FDCWD, path, flags, &facts)).check("fstatat", path)
        return FileFacts(facts)
    }

    /// The facts of an open file: fstat(2).
    public static func of(_ file: borrowing OwnedDescriptor) throws(SystemError) -> FileFacts {
        var facts = linux_file_facts()
        // Sound: the call writes one structure, which is what `facts` is.
        try unsafe SystemCallResult(linux_fstat(file.rawValue, &facts)).check("fstat", "")
        return FileFacts(facts)
    }

    /// Whether anything has this name, a dangling link included.
    public static func exists(_ path: String) -> Bool {
        do throws(SystemError) {
            _ = try of(path, followingLinks: false)
            return true
        } catch {
            return false
        }
    }
}
