import CLinux

/// What a tracer subscribes to, and what holds while it traces: `PTRACE_O_*` in ptrace(2).
public struct TraceOptions: OptionSet, Sendable {
    /// The kernel's bits.
    public let rawValue: UInt64

    /// Takes the kernel's bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Mark stops at system calls, so that they can't be mistaken for SIGTRAP.
    public static let markSystemCalls = TraceOptions(rawValue: LINUX_PTRACE_O_TRACESYSGOOD)
    /// Stop at fork(2), and attach the child.
    public static let fork = TraceOptions(rawValue: LINUX_PTRACE_O_TRACEFORK)
    /// Stop at vfork(2), and attach the child.
    public static let vfork = TraceOptions(rawValue: LINUX_PTRACE_O_TRACEVFORK)
    /// Stop at clone(2), and attach the new thread.
    public static let clone = TraceOptions(rawValue: LINUX_PTRACE_O_TRACECLONE)
    /// Stop at execve(2), before the new program runs.
    public static let exec = TraceOptions(rawValue: LINUX_PTRACE_O_TRACEEXEC)
    /// Stop when a child of vfork(2) released its parent.
    public static let vforkDone = TraceOptions(rawValue: LINUX_PTRACE_O_TRACEVFORKDONE)
    /// Stop early in the thread's end, while its memory and registers still exist.
    public static let exit = TraceOptions(rawValue: LINUX_PTRACE_O_TRACEEXIT)
    /// Stop where a seccomp filter answers `SECCOMP_RET_TRACE`.
    public static let seccomp = TraceOptions(rawValue: LINUX_PTRACE_O_TRACESECCOMP)
    /// The kernel kills the tracee if the tracer ends.
    ///
    /// Never for processes that aren't ours.
    public static let killWhenTracerExits = TraceOptions(rawValue: LINUX_PTRACE_O_EXITKILL)
    /// The tracee's seccomp filters don't apply while it is traced.
    ///
    /// Needs CAP_SYS_ADMIN in the initial user namespace, and a tracer that isn't under seccomp itself;
    /// they apply again after detach.
    public static let suspendSeccomp = TraceOptions(rawValue: LINUX_PTRACE_O_SUSPEND_SECCOMP)
}
