import NIOCore
import NIOHTTP1
import NIOPosix

// This file doesn't import `Channel`: NIO has a type of that name.

/// A small web server for the two folders of a channel or a mirror: for sites that have no other.
///
/// Serves plain files below `metadata/` and `targets/`, by GET and HEAD, and nothing else: no lists of folders, no
/// names that begin with a dot. It has no TLS, because clients verify what they get; a site that wants to hide what
/// it fetches puts a proxy in front.
public final class StaticServer: Sendable {
    private let channel: any NIOCore.Channel

    /// Why a server couldn't start.
    public struct StartError: Error, CustomStringConvertible {
        /// The reason, in words.
        public let description: String
    }

    /// Starts serving.
    /// - Parameters:
    ///   - folder: the channel or mirror.
    ///   - port: 0 for any that is free.
    ///   - fetchMissing: called on a thread of its own for a target file that isn't there, with its path below
    ///     `targets/`; returns whether it is there now. What a cache does.
    public init(
        folder: String, host: String, port: Int, fetchMissing: (@Sendable (String) -> Bool)? = nil
    ) throws(StartError) {
        do {
            channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.backlog, value: 256)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { child in
                    child.eventLoop.makeCompletedFuture {
                        try child.pipeline.syncOperations.addHandler(IdleStateHandler(allTimeout: .seconds(60)))
                        try child.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                        try child.pipeline.syncOperations.addHandler(
                            FileResponder(folder: folder, fetchMissing: fetchMissing))
                    }
                }
                .bind(host: host, port: port).wait()
        } catch {
            throw StartError(description: "\(host):\(port): \(error)")
        }
    }

    /// The port that it listens on.
    public var port: Int { channel.localAddress?.port ?? 0 }

    /// Waits until it is stopped.
    public func wait() { try? channel.closeFuture.wait() }

    /// Stops listening.
    public func stop() { channel.close(promise: nil) }
}

/// Answers one connection's requests.
private final class FileResponder: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let folder: String
    private let fetchMissing: (@Sendable (String) -> Bool)?

    init(folder: String, fetchMissing: (@Sendable (String) -> Bool)?) {
        self.folder = folder
        self.fetchMissing = fetchMissing
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        guard head.method == .GET || head.method == .HEAD else {
            return refuse(context, .methodNotAllowed, head)
        }
        guard let path = ServedPath(head.uri) else { return refuse(context, .notFound, head) }
        if let file = OpenFile("\(folder)/\(path.text)") { return send(context, file, path, head) }
        guard let fetchMissing, let target = path.target else { return refuse(context, .notFound, head) }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        NIOThreadPool.singleton.runIfActive(eventLoop: context.eventLoop) { fetchMissing(target) }
            .whenComplete { result in
                let (responder, context) = bound.value
                if case .success(true) = result, let file = OpenFile("\(responder.folder)/\(path.text)") {
                    responder.send(context, file, path, head)
                } else {
                    responder.refuse(context, .notFound, head)
                }
            }
    }

    private func send(
        _ context: ChannelHandlerContext, _ file: OpenFile, _ path: ServedPath, _ head: HTTPRequestHead
    ) {
        var headers: HTTPHeaders = [
            "Content-Length": "\(file.region.readableBytes)", "Content-Type": "application/octet-stream",
            "Cache-Control": path.isImmutable ? "public, max-age=31536000, immutable" : "no-cache",
        ]
        if !head.isKeepAlive { headers.add(name: "Connection", value: "close") }
        write(context, .head(HTTPResponseHead(version: head.version, status: .ok, headers: headers)))
        if head.method == .GET { write(context, .body(.fileRegion(file.region))) }
        // The file stays open until the last byte has gone, or the connection.
        end(context, head).whenComplete { _ in file.close() }
    }

    private func refuse(
        _ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ head: HTTPRequestHead
    ) {
        var headers: HTTPHeaders = ["Content-Length": "0", "Cache-Control": "no-cache"]
        if !head.isKeepAlive { headers.add(name: "Connection", value: "close") }
        write(context, .head(HTTPResponseHead(version: head.version, status: status, headers: headers)))
        _ = end(context, head)
    }

    private func write(_ context: ChannelHandlerContext, _ part: HTTPServerResponsePart) {
        context.write(wrapOutboundOut(part), promise: nil)
    }

    private func end(_ context: ChannelHandlerContext, _ head: HTTPRequestHead) -> EventLoopFuture<Void> {
        let done = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !head.isKeepAlive {
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            done.whenComplete { _ in bound.value.close(promise: nil) }
        }
        return done
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
