import Console
import ProcessPatcher
import Synchronization

/// Shows on a terminal how far an operation over many processes has come; silent elsewhere.
final class Progress: Sendable {
    private struct Count {
        var found = 0
        var ended = 0
        var applied = 0
        var shown = 0
    }
    private let count = Mutex(Count())

    /// Takes the operation's events.
    var observer: (@Sendable (PatcherEvent) -> Void)? {
        guard Output.isTerminal else { return nil }
        return { self.note($0) }
    }

    private func note(_ event: PatcherEvent) {
        let text: String? = count.withLock { count in
            switch event {
            case .found(let more): count.found += more
            case .ended(let outcome):
                count.ended += 1
                if outcome.result == .applied { count.applied += 1 }
            case .finished: return ""
            }
            // A few lines for a few processes need no progress, and thousands need no line each.
            guard count.found > 20, count.ended - count.shown >= max(1, count.found / 200) else { return nil }
            count.shown = count.ended
            return "\(count.ended) of \(count.found) processes, \(count.applied) changed"
        }
        if let text { Output.line(text) }
    }
}
