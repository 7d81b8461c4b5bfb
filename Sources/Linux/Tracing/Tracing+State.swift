import CLinux

// The state of a stopped thread besides its registers: signals, event messages, restartable sequences.
// As in the rest of Tracing, one system call each, no allocation.

extension Tracing {
    /// The blocked signals, bit n-1 for signal n: `PTRACE_GETSIGMASK`.
    ///
    /// What sigprocmask(2) would show, also inside sigsuspend(2), where it is the mask to be restored.
    @inline(__always)
    public static func signalMask(_ thread: ThreadID, into mask: inout UInt64) -> SystemCallResult {
        // Sound: the request writes exactly the 8 bytes that its address argument announces.
        unsafe SystemCallResult(
            linux_ptrace_data(LINUX_PTRACE_GETSIGMASK, thread.rawValue, 8, &mask))
    }

    /// Replaces the blocked signals: `PTRACE_SETSIGMASK`.
    @inline(__always)
    public static func setSignalMask(_ thread: ThreadID, _ mask: UInt64) -> SystemCallResult {
        var mask = mask
        // Sound: the request reads exactly the 8 bytes that its address argument announces.
        return unsafe SystemCallResult(
            linux_ptrace_data(LINUX_PTRACE_SETSIGMASK, thread.rawValue, 8, &mask))
    }

    /// The signal that stopped the thread: `PTRACE_GETSIGINFO`.
    ///
    /// `EINVAL` in a group stop.
    @inline(__always)
    public static func signalInformation(
        _ thread: ThreadID, into information: inout SignalInformation
    ) -> SystemCallResult {
        // Sound: the request writes one siginfo_t, 128 bytes, which is the size of `words`.
        unsafe SystemCallResult(
            linux_ptrace_data(LINUX_PTRACE_GETSIGINFO, thread.rawValue, 0, &information.words))
    }

    /// Replaces the signal that is about to be delivered: `PTRACE_SETSIGINFO`.
    @inline(__always)
    public static func setSignalInformation(
        _ thread: ThreadID, _ information: SignalInformation
    ) -> SystemCallResult {
        var words = information.words
        // Sound: the request reads one siginfo_t, 128 bytes, which is the size of `words`.
        return unsafe SystemCallResult(linux_ptrace_data(LINUX_PTRACE_SETSIGINFO, thread.rawValue, 0, &words))
    }

    /// The number that came with the last event, see ``TraceEvent``: `PTRACE_GETEVENTMSG`.
    @inline(__always)
    public static func eventMessage(_ thread: ThreadID, into message: inout UInt64) -> SystemCallResult {
        // Sound: the request writes one unsigned long, 8 bytes on every supported machine.
        unsafe SystemCallResult(
            linux_ptrace_data(LINUX_PTRACE_GETEVENTMSG, thread.rawValue, 0, &message))
    }

    /// The thread's registration for restartable sequences (rseq(2)): `PTRACE_GET_RSEQ_CONFIGURATION`,
    /// Linux 5.13 and newer.
    @inline(__always)
    public static func restartableSequences(
        _ thread: ThreadID, into configuration: inout RestartableSequences
    ) -> SystemCallResult {
        var raw = ptrace_rseq_configuration()
        let size = UInt64(MemoryLayout<ptrace_rseq_configuration>.size)
        // Sound: the kernel writes at most `size` bytes, the size of `raw`.
        let result = unsafe SystemCallResult(
            linux_ptrace_data(LINUX_PTRACE_GET_RSEQ_CONFIGURATION, thread.rawValue, size, &raw))
        configuration = RestartableSequences(
            area: RemoteAddress(raw.rseq_abi_pointer), size: raw.rseq_abi_size, signature: raw.signature)
        return result
    }
}

/// A signal on its way to a thread: the 128 bytes of siginfo_t, see sigaction(2).
public struct SignalInformation: Sendable {
    /// The structure as 64-bit words, in the layout of 64-bit little-endian machines.
    var words: [16 of UInt64]

    /// All zero, to be filled in by ``Tracing/signalInformation(_:into:)``.
    public init() { words = .init(repeating: 0) }

    /// The signal (si_signo).
    public var signal: Signal { Signal(rawValue: Int32(truncatingIfNeeded: words[0])) }
    /// How it came about (si_code): `SI_USER`, `SI_TKILL`, `SEGV_MAPERR`, ...
    public var code: Int32 { Int32(truncatingIfNeeded: words[1]) }
    /// Who sent it (si_pid), where kill(2) or its kin did.
    public var sender: ProcessID { ProcessID(Int32(truncatingIfNeeded: words[2])) }
    /// What was accessed (si_addr), where a fault did.
    public var faultAddress: RemoteAddress { RemoteAddress(words[2]) }
}

/// Where a thread keeps its restartable-sequence area, see rseq(2).
public struct RestartableSequences: Sendable, Equatable {
    /// The thread's `struct rseq`; zero if it has none registered.
    public var area: RemoteAddress
    /// The size of that structure in bytes.
    public var size: UInt32
    /// The number that must stand before each abort handler.
    public var signature: UInt32

    /// Makes a registration; all zero means none.
    public init(area: RemoteAddress = RemoteAddress(0), size: UInt32 = 0, signature: UInt32 = 0) {
        self.area = area
        self.size = size
        self.signature = signature
    }
}
