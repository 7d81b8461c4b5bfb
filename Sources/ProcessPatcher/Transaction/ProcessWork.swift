import Findings
import Linux

/// Work on one process whose errors become its outcome.
enum ProcessWork {
    /// Runs the body on the first process of a unit; nil if the body says that it isn't concerned.
    ///
    /// What may be over in a moment (another tsugite at work, a thread in a bad state) is tried again for a moment.
    static func run(
        _ unit: [ProcessID], _ deadline: MonotonicTime,
        _ body: (ProcessSession) throws(PatcherError) -> ProcessOutcome?
    ) -> ProcessOutcome? {
        guard let process = unit.first else { return nil }
        let end = min(deadline, MonotonicTime.now.advanced(by: patience))
        var nap: UInt64 = 1_000_000
        while true {
            let error: PatcherError
            var name = ""
            var isPassing = true
            do throws(PatcherError) {
                let session = try ProcessSession(process)
                name = session.name
                do throws(PatcherError) {
                    return try body(session)
                } catch {
                    // What goes wrong with a process that ends, or becomes another program, goes wrong because of it.
                    throw session.isGone() ? .gone(process) : error
                }
            } catch let caught {
                error = caught
                isPassing = passing.contains(caught.finding.code)
            }
            guard isPassing, MonotonicTime.now < end else { return ProcessOutcome(process, name, error) }
            Nap.nanoseconds(nap)
            nap = min(nap * 2, 50_000_000)
        }
    }

    private static let patience = Duration.seconds(1)

    /// What may look different a moment later, a process on its way out among it.
    private static let passing: Set<FindingCode> = [
        .processNoThread, .processPermission, .processTraced, .systemCall,
    ]
}
