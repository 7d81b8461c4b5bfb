import CLinux

/// What the links under `/proc/PID` lead to: files as the kernel holds them, in any mount namespace.
public enum ProcessFiles {
    /// The executable, opened even if it is deleted or in another mount namespace: `/proc/PID/exe`.
    public static func openExecutable(of process: ProcessID) throws(SystemError) -> OwnedDescriptor {
        try OwnedDescriptor.open("/proc/\(process)/exe")
    }

    /// Device and inode of the executable.
    public static func executableIdentity(of process: ProcessID) throws(SystemError) -> FileIdentity {
        try FileFacts.of("/proc/\(process)/exe").identity
    }

    /// The path of the executable as its own mount namespace names it; ends in ` (deleted)` if it is.
    public static func executablePath(of process: ProcessID) throws(SystemError) -> String {
        try readLink("/proc/\(process)/exe")
    }

    /// The working directory.
    public static func workingDirectory(of process: ProcessID) throws(SystemError) -> String {
        try readLink("/proc/\(process)/cwd")
    }

    /// What stands in front of all paths that the kernel tells of a process, although its root is ours; mostly nothing.
    ///
    /// Below chroot(2), a process in a mount namespace of its own is told of from that namespace's root on.
    public static func foreignRoot(of process: ProcessID) throws(SystemError) -> String {
        let link = "/proc/\(process)/root"
        let path = try readLink(link)
        guard path != "/", try FileFacts.of(link).identity == FileFacts.of("/").identity else { return "" }
        return path
    }

    /// The file mapped at exactly this area, opened through `/proc/PID/map_files`.
    ///
    /// Needs CAP_SYS_ADMIN (or CAP_CHECKPOINT_RESTORE); works for deleted files and in any mount namespace.
    public static func openMapped(
        _ area: MappedArea, of process: ProcessID
    ) throws(SystemError) -> OwnedDescriptor {
        let start = String(area.start.rawValue, radix: 16)
        let end = String(area.end.rawValue, radix: 16)
        return try OwnedDescriptor.open("/proc/\(process)/map_files/\(start)-\(end)")
    }

    /// A number that is equal for processes in one namespace: the inode of `/proc/PID/ns/NAME`.
    ///
    /// - Parameter kind: `mnt`, `pid`, `net`, `user`, ...
    public static func namespace(_ kind: String, of process: ProcessID) throws(SystemError) -> UInt64 {
        try FileFacts.of("/proc/\(process)/ns/\(kind)").identity.inode
    }

    /// The word size of the program: the class byte of the executable's ELF header; nil if it isn't ELF.
    public static func executableClass(of process: ProcessID) throws(SystemError) -> ELFClass? {
        let file = try openExecutable(of: process)
        var header: UInt64 = 0
        // Sound: the kernel writes at most the 8 bytes of `header`.
        let result = unsafe withUnsafeMutableBytes(of: &header) { unsafe file.read(at: 0, into: $0) }
        let count = try result.check("pread", "/proc/\(process)/exe")
        return count == 8 ? ELFClass(identification: UInt64(bigEndian: header)) : nil
    }

    /// The word size of a program.
    public enum ELFClass: Sendable {
        /// 32-bit.
        case bits32
        /// 64-bit.
        case bits64

        /// From the first 8 bytes of a file, the first in the highest place.
        init?(identification: UInt64) {
            guard identification >> 32 == 0x7f45_4c46 else { return nil }
            switch identification >> 24 & 0xff {
            case 1: self = .bits32
            case 2: self = .bits64
            default: return nil
            }
        }
    }

    /// Where a symbolic link leads: readlinkat(2).
    public static func readLink(_ path: String) throws(SystemError) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // Sound: the kernel writes at most the array's bytes.
        let result = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe SystemCallResult(
                linux_readlink_at(
                    LINUX_AT_FDCWD, path, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count))
        }
        let count = try result.check("readlinkat", path)
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}
