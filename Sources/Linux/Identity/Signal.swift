import CLinux

/// A signal by number.
public struct Signal: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    /// The number; 0 means none.
    public let rawValue: Int32

    /// Takes any number.
    @inlinable
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// No signal: resume without delivering one, or only probe for existence.
    public static let none = Signal(rawValue: 0)
    /// Terminal hung up.
    public static let hangup = Signal(rawValue: 1)
    /// Interrupt from the keyboard.
    public static let interrupt = Signal(rawValue: 2)
    /// Illegal instruction.
    public static let illegalInstruction = Signal(rawValue: 4)
    /// Breakpoint or trace trap.
    public static let trap = Signal(rawValue: 5)
    /// Abort.
    public static let abort = Signal(rawValue: 6)
    /// Bad memory access on a mapped object.
    public static let bus = Signal(rawValue: 7)
    /// Can't be caught: ends the process.
    public static let kill = Signal(rawValue: 9)
    /// For applications.
    public static let user1 = Signal(rawValue: 10)
    /// Invalid memory reference.
    public static let segmentationFault = Signal(rawValue: 11)
    /// For applications.
    public static let user2 = Signal(rawValue: 12)
    /// Please end.
    public static let terminate = Signal(rawValue: 15)
    /// A child stopped or ended.
    public static let child = Signal(rawValue: 17)
    /// Go on after a stop.
    public static let `continue` = Signal(rawValue: 18)
    /// Can't be caught: stops the process.
    public static let stop = Signal(rawValue: 19)
    /// Stop typed at the terminal.
    public static let terminalStop = Signal(rawValue: 20)
    /// Terminal input for a background process.
    public static let terminalInput = Signal(rawValue: 21)
    /// Terminal output of a background process.
    public static let terminalOutput = Signal(rawValue: 22)

    /// Whether its default action stops the process: the signals that begin a group stop.
    @inlinable
    public var stopsProcess: Bool { rawValue >= 19 && rawValue <= 22 }

    /// The name, `SIGTERM`; for an unknown one `signal 40`.
    public var description: String {
        // Sound: the C function returns a terminated string of static storage for every number.
        let name = unsafe String(cString: linux_signal_name(rawValue))
        return name.isEmpty ? "signal \(rawValue)" : "SIG" + name
    }
}
