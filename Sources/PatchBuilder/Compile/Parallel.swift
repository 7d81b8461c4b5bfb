import Dispatch
import Synchronization

/// Independent jobs on several threads.
enum Parallel {
    /// `body` of each index in `0..<count`, at most `jobs` at a time; the first error ends it.
    static func map<Result: Sendable>(
        _ count: Int, jobs: Int, _ body: @escaping @Sendable (Int) throws(BuildError) -> Result
    ) throws(BuildError) -> [Result] {
        let state = Mutex(State<Result>(results: Array(repeating: nil, count: count)))
        DispatchQueue.concurrentPerform(iterations: max(1, min(jobs, count))) { _ in
            while let index = state.withLock({ $0.take() }) {
                do throws(BuildError) {
                    let result = try body(index)
                    state.withLock { $0.results[index] = result }
                } catch {
                    state.withLock { $0.failure = $0.failure ?? error }
                }
            }
        }
        let (results, failure) = state.withLock { ($0.results, $0.failure) }
        if let failure { throw failure }
        return results.compactMap { $0 }
    }

    private struct State<Result: Sendable>: Sendable {
        var results: [Result?]
        var next = 0
        var failure: BuildError?

        mutating func take() -> Int? {
            guard failure == nil, next < results.count else { return nil }
            next += 1
            return next - 1
        }
    }
}
