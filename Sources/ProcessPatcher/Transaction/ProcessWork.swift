import Findings
import Linux

/// Work on one process whose errors become its outcome.
enum ProcessWork {
    /// Runs the body on the first process of a unit; nil if the body says that it isn't concerned.
    static func run(
        _ unit: [ProcessID], _ body: (ProcessSession) throws(PatcherError) -> ProcessOutcome?
    ) -> ProcessOutcome? {
        guard let process = unit.first else { return nil }
        let session: ProcessSession
        do throws(PatcherError) {
            session = try ProcessSession(process)
        } catch {
            return ProcessOutcome(process, "", error)
        }
        do throws(PatcherError) {
            return try body(session)
        } catch {
            // What goes wrong with a process that ends, or becomes another program, goes wrong because of it.
            let isUnclear = Self.unclear.contains(error.finding.code)
            let reason = session.isGone(waiting: isUnclear) ? PatcherError.gone(process) : error
            return ProcessOutcome(process, session.name, reason)
        }
    }

    /// What a process on its way out looks like, too.
    private static let unclear: Set<FindingCode> = [.processNoThread, .processPermission, .systemCall]
}
