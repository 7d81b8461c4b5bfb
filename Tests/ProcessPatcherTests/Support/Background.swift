import Foundation
import Synchronization

/// Something that runs on a thread of its own while the test goes on.
final class Background<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    private let over = Mutex(false)
    private let done = DispatchSemaphore(value: 0)

    /// Starts; the body may ask whether the test wants it to end.
    init(_ body: @escaping @Sendable (Background<Value>) throws -> Value) {
        Thread.detachNewThread {
            let result = try? body(self)
            self.value.withLock { $0 = result }
            self.done.signal()
        }
    }

    /// Whether the test wants it to end.
    var isOver: Bool { over.withLock { $0 } }

    /// Asks it to end if it is a loop, and waits for its result; nil if it threw.
    func finish() -> Value? {
        over.withLock { $0 = true }
        done.wait()
        return value.withLock { $0 }
    }
}
