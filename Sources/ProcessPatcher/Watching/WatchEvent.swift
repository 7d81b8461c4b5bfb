/// When a new process, or one that loads a library, was changed.
public enum WatchMoment: String, Sendable, Codable {
    /// Before the program's own first instruction.
    case beforeStart = "before-start"
    /// While a library was being loaded, before its constructors ran.
    case atLoad = "at-load"
    /// Later: it couldn't be held, and ran the old code for a while.
    case late
}

/// Something that happens while processes are watched.
public enum WatchEvent: Sendable, Equatable {
    /// Opening of so many files is held from now on.
    case ready(files: Int)
    /// A process was dealt with.
    case process(ProcessOutcome, WatchMoment)
    /// A new process couldn't be held, for this reason; it is changed as soon as it is seen.
    case notHeld(pid: Int32, reason: String)
}
