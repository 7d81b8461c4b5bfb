/// Reads a channel from a folder: a mounted medium, a share, a test.
public struct FileFetcher: Fetcher, Sendable {
    /// Makes one.
    public init() {}

    /// Reads a file; `file:` addresses and plain paths are taken, percent-encoded.
    public func fetch(
        _ address: String, limits: TransferLimits, _ receive: ([UInt8]) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        var text = Substring(address)
        if text.hasPrefix("file://") {
            text = text.dropFirst(7)
        } else if text.hasPrefix("file:") {
            text = text.dropFirst(5)
        }
        guard let path = PercentEncoding.decode(String(text)) else {
            throw ChannelError(.notFound, address, "not a file address")
        }
        var received = 0
        try Files.forEachPiece(of: path) { piece throws(ChannelError) in
            guard piece.count <= limits.maximumLength - received else {
                throw ChannelError(.tooLong, address, "more than \(limits.maximumLength) bytes")
            }
            received += piece.count
            try receive(piece)
        }
    }
}
