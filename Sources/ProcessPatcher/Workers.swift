import Glibc
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
        var running: [pthread_t] = []
        for _ in 0..<threads {
            let work = unsafe Unmanaged.passRetained(
                Work {
                    let context = PatcherContext(patcher)
                    while let item = shared.next() { shared.add(body(item, context)) }
                })
            var thread = pthread_t()
            // Sound: the new thread takes over the reference that was retained for it.
            let result = unsafe pthread_create(&thread, nil, start, work.toOpaque())
            if result == 0 { running.append(thread) } else { unsafe work.release() }
        }
        guard !running.isEmpty else {
            throw PatcherError(SystemError(call: "pthread_create", errno: .noMemory, object: "").finding)
        }
        for thread in running { _ = pthread_join(thread, nil) }
        return shared.values
    }

    private static let start: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        // The reference was retained for this thread.
        if let argument = unsafe argument {
            unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
        }
        return nil
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
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
