import AsyncHTTPClient
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

/// One download's hand-over from the network's thread to the caller's.
///
/// At most one piece waits at a time: the network side isn't asked for more until it was taken, so a fast
/// server can't fill the memory.
final class Transfer: HTTPClientResponseDelegate {
    typealias Response = Void

    /// What happened next.
    enum Event {
        case piece([UInt8])
        case finished
        case status(UInt)
        case failed(String)
        /// Nothing within the waiting time.
        case nothing
    }

    private struct State {
        var events: [Event] = []
        var taken: EventLoopPromise<Void>?
        var isStopped = false
    }

    private static let empty = 0
    private static let filled = 1
    private let condition = ConditionLock(value: Transfer.empty)
    private let state = NIOLockedValueBox(State())

    /// Waits for the next event.
    func next(waitingSeconds: Double) -> Event {
        guard condition.lock(whenValue: Self.filled, timeoutSeconds: waitingSeconds) else { return .nothing }
        let (event, promise, isEmpty) = state.withLockedValue { state in
            let event = state.events.isEmpty ? Event.nothing : state.events.removeFirst()
            let promise = state.taken
            state.taken = nil
            return (event, promise, state.events.isEmpty)
        }
        condition.unlock(withValue: isEmpty ? Self.empty : Self.filled)
        promise?.succeed(())
        return event
    }

    /// Ends the transfer, whatever its state.
    func stop(_ task: HTTPClient.Task<Void>) {
        task.cancel()
        let promise = state.withLockedValue { state in
            state.isStopped = true
            defer { state.taken = nil }
            return state.taken
        }
        promise?.succeed(())
    }

    private func put(_ event: Event, until promise: EventLoopPromise<Void>? = nil) {
        condition.lock()
        let isStopped = state.withLockedValue { state in
            if state.isStopped { return true }
            state.events.append(event)
            if let promise { state.taken = promise }
            return false
        }
        condition.unlock(withValue: Self.filled)
        if isStopped { promise?.succeed(()) }
    }

    func didReceiveHead(task: HTTPClient.Task<Void>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
        if head.status != .ok { put(.status(head.status.code)) }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didReceiveBodyPart(task: HTTPClient.Task<Void>, _ buffer: ByteBuffer) -> EventLoopFuture<Void> {
        let promise = task.eventLoop.makePromise(of: Void.self)
        put(.piece(Array(buffer.readableBytesView)), until: promise)
        return promise.futureResult
    }

    func didFinishRequest(task: HTTPClient.Task<Void>) throws { put(.finished) }

    func didReceiveError(task: HTTPClient.Task<Void>, _ error: any Error) { put(.failed("\(error)")) }
}
