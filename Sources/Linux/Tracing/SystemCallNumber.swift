import CLinux

/// The number of a system call on this machine's architecture, for calls carried out inside another process.
public struct SystemCallNumber: RawRepresentable, Hashable, Sendable {
    /// The number.
    public let rawValue: Int

    /// Takes any number.
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// mmap(2).
    public static let mmap = SystemCallNumber(rawValue: LINUX_SYS_mmap)
    /// munmap(2).
    public static let munmap = SystemCallNumber(rawValue: LINUX_SYS_munmap)
    /// mprotect(2).
    public static let mprotect = SystemCallNumber(rawValue: LINUX_SYS_mprotect)
    /// madvise(2).
    public static let madvise = SystemCallNumber(rawValue: LINUX_SYS_madvise)
    /// memfd_create(2).
    public static let memfdCreate = SystemCallNumber(rawValue: LINUX_SYS_memfd_create)
    /// openat(2).
    public static let openat = SystemCallNumber(rawValue: LINUX_SYS_openat)
    /// close(2).
    public static let close = SystemCallNumber(rawValue: LINUX_SYS_close)
    /// prctl(2).
    public static let prctl = SystemCallNumber(rawValue: LINUX_SYS_prctl)
    /// rt_sigaction(2).
    public static let signalAction = SystemCallNumber(rawValue: LINUX_SYS_rt_sigaction)
    /// rt_sigreturn(2).
    public static let sigreturn = SystemCallNumber(rawValue: LINUX_SYS_rt_sigreturn)
    /// restart_syscall(2).
    public static let restart = SystemCallNumber(rawValue: LINUX_SYS_restart_syscall)
    /// ftruncate(2).
    public static let ftruncate = SystemCallNumber(rawValue: LINUX_SYS_ftruncate)
    /// getpid(2).
    public static let getpid = SystemCallNumber(rawValue: LINUX_SYS_getpid)
    /// gettid(2).
    public static let gettid = SystemCallNumber(rawValue: LINUX_SYS_gettid)
}
