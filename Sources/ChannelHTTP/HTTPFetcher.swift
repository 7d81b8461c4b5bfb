import AsyncHTTPClient
public import Channel
import NIOHTTP1

/// Brings a channel from web servers, over HTTP or HTTPS.
///
/// The network side runs on its own threads; the caller's thread takes the pieces one at a time, and while it
/// waits it watches the rate. A server that accepts and then says nothing, or one byte now and then, is given
/// up, and so is one that sends more than was announced. Contents are never decompressed: limits count what is
/// signed.
public final class HTTPFetcher: Fetcher, Sendable {
    private let client: HTTPClient
    private let settings: HTTPSettings

    /// Prepares a client; connections are kept and used again.
    public init(_ settings: HTTPSettings = HTTPSettings()) throws(ChannelError) {
        self.settings = settings
        guard let configuration = settings.clientConfiguration else {
            throw ChannelError(
                .network, settings.proxy ?? "proxy", "not a proxy address like http://HOST:PORT")
        }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    deinit { try? client.syncShutdown() }

    /// Brings one file; see ``Fetcher``.
    public func fetch(
        _ address: String, limits: TransferLimits, _ receive: ([UInt8]) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        let transfer = Transfer()
        let task: HTTPClient.Task<Void>
        do {
            let headers: HTTPHeaders = ["User-Agent": settings.userAgent, "Accept-Encoding": "identity"]
            let request = try HTTPClient.Request(url: address, method: .GET, headers: headers)
            task = client.execute(request: request, delegate: transfer)
        } catch {
            throw ChannelError(.network, address, "\(error)")
        }
        defer { transfer.stop(task) }
        let clock = ContinuousClock()
        let start = clock.now
        var meter = TransferMeter(limits, subject: address, startMilliseconds: 0)
        var quietSince = clock.now
        while true {
            let event = transfer.next(waitingSeconds: 1)
            let now = clock.now
            let milliseconds = Int64((now - start) / .milliseconds(1))
            switch event {
            case .piece(let bytes):
                quietSince = now
                try meter.count(bytes.count, atMilliseconds: milliseconds)
                try receive(bytes)
            case .nothing:
                guard now - quietSince < .seconds(limits.idleSeconds) else {
                    throw ChannelError(.slow, address, "no byte for \(limits.idleSeconds) seconds")
                }
                try meter.count(0, atMilliseconds: milliseconds)
            case .finished: return
            case .status(let code):
                let kind: ChannelError.Kind = code == 404 || code == 403 || code == 410 ? .notFound : .network
                throw ChannelError(kind, address, "the server answers \(code)")
            case .failed(let reason): throw ChannelError(.network, address, reason)
            }
        }
    }
}
