import Linux
import Synchronization

/// Runs work for many processes on as many threads as there are processors.
///
/// Plain threads, because a tracee belongs to the thread that attached it. When one ends, the kernel lets go of
/// whatever it might still hold.
enum Workers {
    /// Calls `body` for each item, each on one thread from start to end; the results are in no order.
    static func run<Item: Sendable, Value: Sendable>(
        _ items: [Item], threads: Int? = nil, _ body: @escaping @Sendable (Item, PatcherContext) -> Value?
    ) throws(PatcherError) -> [Value] {
        guard !items.isEmpty else { return [] }
        let shared = Shared<Item, Value>(items)
        let threads = threads ?? min(items.count, max(1, Machine.usableProcessors))
        let patcher = try PatcherIdentity.current()
        var running: [PlainThread] = []
        var failure: SystemError?
        for _ in 0..<threads {
            do throws(SystemError) {
                running.append(
                    try PlainThread {
                        let context = PatcherContext(patcher)
                        while let item = shared.next() { shared.add(body(item, context)) }
                    })
            } catch { failure = error }
        }
        // Fewer threads than hoped for do the same work.
        if running.isEmpty, let failure { throw PatcherError(failure.finding) }
        for thread in running { thread.join() }
        return shared.values
    }

    private final class Shared<Item: Sendable, Value: Sendable>: Sendable {
        private let state: Mutex<(items: ArraySlice<Item>, values: [Value])>

        init(_ items: [Item]) { state = Mutex((items[...], [])) }

        func next() -> Item? { state.withLock { $0.items.popFirst() } }

        func add(_ value: Value?) {
            guard let value else { return }
            state.withLock { $0.values.append(value) }
        }

        var values: [Value] { state.withLock { $0.values } }
    }
}
