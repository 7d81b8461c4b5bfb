public import Findings

/// The system refused a call: which call, on what, and why.
public struct SystemError: DiagnosableError, Equatable {
    /// The call as its man page names it: `openat`, `ptrace(PTRACE_SEIZE)`.
    public let call: String
    /// The reason the system gave.
    public let errno: Errno
    /// What was acted on: a path, `process 12`; may be empty.
    public let object: String

    /// Makes an error from its three facts.
    public init(call: String, errno: Errno, object: String) {
        self.call = call
        self.errno = errno
        self.object = object
    }

    /// The error as `SYS-CALL`, with the remedy for this reason.
    public var finding: Finding {
        var finding = Finding(
            .systemCall, object.isEmpty ? "\(call) failed: \(errno)" : "\(call) on \(object) failed: \(errno)",
            evidence: ["call": call, "errno": errno.name], remedy: remedy)
        if !object.isEmpty { finding.evidence.append(.init("object", object)) }
        return finding
    }

    /// Whether the object was gone rather than refused: a process that ended between two looks at it, or what a file
    /// of sysfs tells of, between its opening and its reading.
    public var isGone: Bool { errno == .noSuchProcess || errno == .noSuchFile || errno == .noSuchDevice }

    private var isTracing: Bool { call.hasPrefix("ptrace") || call.hasPrefix("process_vm") }

    /// What to do about each reason; nil takes the general remedy of the table.
    private var remedy: String? {
        switch errno {
        case .notPermitted where isTracing, .accessDenied where isTracing:
            "Run as root with CAP_SYS_PTRACE; check that no debugger traces it (grep TracerPid"
                + " /proc/PID/status) and that /proc/sys/kernel/yama/ptrace_scope is below 3."
        case .notPermitted: "Run as root: sudo tsugite ...; in a container, add the capability the call needs."
        case .accessDenied: "Run as root, or give this user access to \(object.isEmpty ? "the object" : object)."
        case .noSuchProcess: "The process ended meanwhile; list the processes again with tsugite status."
        case .noSuchFile: "Check that the path exists: ls -l \(object)"
        case .noSpace: "Free space on that file system (df -h), or name another folder."
        case .tooManyDescriptors: "Raise the limit of open files: ulimit -n 65536."
        case .noMemory: "Free memory, or raise the memory limit of the cgroup or of ulimit -v."
        case .notImplemented: "This kernel lacks the call; Linux 5.10 or newer is needed."
        case .timedOut: "Wait longer, or look at what holds it up."
        default: nil
        }
    }
}
