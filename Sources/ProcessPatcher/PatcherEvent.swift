/// Something that happens while an operation runs.
public enum PatcherEvent: Sendable, Equatable {
    /// So many more processes are concerned.
    case found(Int)
    /// One process is done with.
    case ended(ProcessOutcome)
    /// The operation is over; always the last, unless it could find out nothing at all.
    case finished(OperationReport)
}
