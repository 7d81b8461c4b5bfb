/// Brings bytes from where a channel is kept.
///
/// Implementations are blocking, and need no trust: whatever they bring is verified. What they must do is end:
/// within the limits, or with an error.
public protocol Fetcher {
    /// Brings the content of an address, piece by piece.
    /// - Parameters:
    ///   - address: a URL (or for ``FileFetcher`` a path), percent-encoded.
    ///   - limits: when to give up.
    ///   - receive: takes the next piece; what it throws ends the transfer and is thrown on.
    /// - Throws: `notFound` if the server says so (404, 403), `network`, `slow`, `tooLong`.
    func fetch(
        _ address: String, limits: TransferLimits,
        _ receive: ([UInt8]) throws(ChannelError) -> Void
    ) throws(ChannelError)
}

/// When to give up on a transfer.
public struct TransferLimits: Sendable, Equatable {
    /// Bytes; one more is an endless-data attack.
    public var maximumLength: Int
    /// Bytes per second on average, measured after ``graceSeconds``.
    public var minimumRate: Int
    /// Seconds during which any rate is fine.
    public var graceSeconds: Int
    /// Seconds without a single byte.
    public var idleSeconds: Int

    /// Sets limits; the defaults suit a slow line and still end a trickle.
    public init(
        maximumLength: Int, minimumRate: Int = 1000, graceSeconds: Int = 15, idleSeconds: Int = 20
    ) {
        self.maximumLength = maximumLength
        self.minimumRate = minimumRate
        self.graceSeconds = graceSeconds
        self.idleSeconds = idleSeconds
    }
}

/// Counts what arrives and says when a transfer breaks its limits.
///
/// Pure: time comes in from outside, so tests can let hours pass.
public struct TransferMeter: Sendable {
    private let limits: TransferLimits
    private let subject: String
    private let start: Int64
    /// Bytes so far.
    public private(set) var received = 0

    /// Begins a transfer at a time in milliseconds of any steady clock.
    public init(_ limits: TransferLimits, subject: String, startMilliseconds: Int64) {
        self.limits = limits
        self.subject = subject
        start = startMilliseconds
    }

    /// Counts `bytes` more at a time in milliseconds; 0 asks only whether the rate is still good.
    /// - Throws: `tooLong` or `slow`.
    public mutating func count(_ bytes: Int, atMilliseconds now: Int64) throws(ChannelError) {
        let (sum, overflow) = received.addingReportingOverflow(bytes)
        guard !overflow, sum <= limits.maximumLength else {
            throw ChannelError(.tooLong, subject, "more than \(limits.maximumLength) bytes")
        }
        received = sum
        let (elapsed, backwards) = now.subtractingReportingOverflow(start)
        guard !backwards, elapsed > Int64(limits.graceSeconds) * 1000 else { return }
        let (needed, huge) = (elapsed / 1000).multipliedReportingOverflow(by: Int64(limits.minimumRate))
        guard !huge, Int64(received) >= needed else {
            throw ChannelError(
                .slow, subject, "\(received) bytes in \(elapsed / 1000) s, under \(limits.minimumRate) per second")
        }
    }
}

extension Fetcher {
    /// Brings a small file whole.
    func bytes(at address: String, maximumLength: Int) throws(ChannelError) -> [UInt8] {
        var all: [UInt8] = []
        // Fetchers keep the limit too; the caller must not depend on that.
        try fetch(address, limits: TransferLimits(maximumLength: maximumLength)) { piece throws(ChannelError) in
            guard piece.count <= maximumLength - all.count else {
                throw ChannelError(.tooLong, address, "more than \(maximumLength) bytes")
            }
            all.append(contentsOf: piece)
        }
        return all
    }
}
