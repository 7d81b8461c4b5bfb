import CLinux

/// A wait status, decoded once into what happened: wait(2), ptrace(2).
///
/// The odd cases, for threads attached with `PTRACE_SEIZE`:
/// - a stop by `PTRACE_INTERRUPT`, and the first stop of an automatically attached child, is
///   ``interruptStop``; if the thread sits in a group stop already it is ``groupStop(_:)`` instead;
/// - ``groupStop(_:)`` must be answered with `PTRACE_LISTEN`, not resumed, or job control breaks;
/// - ``signalStop(_:)`` must be answered by resuming with that signal, or the signal is lost.
public enum WaitStatus: Hashable, Sendable {
    /// The process ended by itself with this code (0...255).
    case exited(code: Int32)
    /// A signal ended the process.
    case killed(Signal, coreDumped: Bool)
    /// A signal is about to be delivered.
    case signalStop(Signal)
    /// The process is in a group stop caused by this signal.
    case groupStop(Signal)
    /// Stopped because the tracer asked, or newly attached.
    case interruptStop
    /// At the entry or the exit of a system call.
    case systemCallStop
    /// Stopped at something the tracer subscribed to.
    case event(TraceEvent)
    /// Went on after a group stop.
    case continued
    /// Nothing that the man pages describe; the raw status.
    case unknown(Int32)

    /// Decodes the status word of wait(2).
    @inlinable
    public init(rawValue: Int32) {
        let low = rawValue & 0x7f
        let signal = Signal(rawValue: rawValue >> 8 & 0xff)
        if rawValue == 0xffff {
            self = .continued
        } else if low == 0 {
            self = .exited(code: signal.rawValue)
        } else if low != 0x7f {
            self = .killed(Signal(rawValue: low), coreDumped: rawValue & 0x80 != 0)
        } else if rawValue & 0xff == 0x7f {
            self = WaitStatus(stoppedBy: signal, event: rawValue >> 16 & 0xffff, rawValue: rawValue)
        } else {
            self = .unknown(rawValue)
        }
    }

    @usableFromInline
    init(stoppedBy signal: Signal, event: Int32, rawValue: Int32) {
        if event == 0 {
            self = signal.rawValue == Signal.trap.rawValue | 0x80 ? .systemCallStop : .signalStop(signal)
        } else if event == TraceEvent.stopCode {
            self = signal.stopsProcess ? .groupStop(signal) : .interruptStop
        } else if let event = TraceEvent(rawValue: event) {
            self = .event(event)
        } else {
            self = .unknown(rawValue)
        }
    }

    /// Whether the thread is in a ptrace stop: it stands still until resumed.
    @inlinable
    public var isStopped: Bool {
        switch self {
        case .signalStop, .groupStop, .interruptStop, .systemCallStop, .event: true
        case .exited, .killed, .continued, .unknown: false
        }
    }

    /// Whether the thread has ended, so that its number must not be used any more.
    @inlinable
    public var hasEnded: Bool {
        switch self {
        case .exited, .killed: true
        default: false
        }
    }
}

/// Something a tracer subscribed to with ``TraceOptions``; numbered as in ptrace(2).
public enum TraceEvent: Int32, Sendable {
    /// Before returning from fork(2); the message is the child's id.
    case fork = 1
    /// Before returning from vfork(2); the message is the child's id.
    case vfork = 2
    /// Before returning from clone(2) that is neither of the two; the message is the new thread's id.
    case clone = 3
    /// Before the new program's first instruction; the message is the id of the thread that asked.
    case exec = 4
    /// The child of vfork(2) released its parent.
    case vforkDone = 5
    /// About to end; the message is the wait status to come.
    case exit = 6
    /// A seccomp filter asked the tracer.
    case seccomp = 7

    /// `PTRACE_EVENT_STOP`, which ``WaitStatus`` splits in two by its signal.
    @usableFromInline static let stopCode: Int32 = 128
}
