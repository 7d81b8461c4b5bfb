import Console
import ProcessPatcher

extension ExitStatus {
    /// The status for what an operation came to.
    init(_ result: OperationReport.Result) {
        self =
            switch result {
            case .applied: .done
            case .nothingToDo: .nothingToDo
            case .partial: .partial
            case .deferred: .deferred
            case .blocked: .blocked
            }
    }
}
