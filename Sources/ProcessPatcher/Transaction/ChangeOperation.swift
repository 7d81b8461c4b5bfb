import Findings
import Linux

/// A change of processes in two steps: preparing while the process runs, and carrying out.
protocol ChangeOperation: Sendable {
    /// Until when a busy process is tried again.
    var deadline: MonotonicTime { get }

    /// Does everything that needs nobody to stand still.
    func prepare(
        _ session: ProcessSession, _ unit: [ProcessID], _ context: PatcherContext, _ transaction: UInt64
    ) throws(PatcherError) -> Preparation
}

extension ChangeOperation {
    /// Changes a process, and with it all that share its memory; nil if it isn't concerned.
    func run(_ unit: [ProcessID], _ context: PatcherContext, atReturn: Bool = false) -> ProcessOutcome? {
        ProcessWork.run(unit, deadline) { (session) throws(PatcherError) in
            switch try prepare(session, unit, context, TransactionNumber.single()) {
            case .over(let outcome): return outcome
            case .ready(let change): return try change.commit(deadline, atReturn: atReturn)
            }
        }
    }
}
