import AsyncHTTPClient
import NIOCore
import NIOSSL

/// How to reach web servers.
public struct HTTPSettings: Sendable {
    /// Seconds until a connection must stand.
    public var connectSeconds: Int64 = 15
    /// A proxy as `http://HOST:PORT`.
    public var proxy: String?
    /// A PEM file of authorities that are trusted besides the system's.
    public var authoritiesFile: String?
    /// What to say who we are.
    public var userAgent = "tsugite"

    /// The defaults.
    public init() {}
}

// This file doesn't import `Channel`: NIO has a type of that name, and a `ChannelError`.
extension HTTPSettings {
    /// The same for the HTTP library; `nil` if the proxy's address can't be read.
    var clientConfiguration: HTTPClient.Configuration? {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(connectSeconds)
        configuration.redirectConfiguration = .follow(max: 5, allowCycles: false)
        if let proxy {
            guard let address = ProxyAddress(proxy) else { return nil }
            configuration.proxy = .server(host: address.host, port: address.port)
        }
        if let authoritiesFile {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.additionalTrustRoots = [.file(authoritiesFile)]
            configuration.tlsConfiguration = tls
        }
        return configuration
    }
}

/// Host and port of a proxy.
private struct ProxyAddress {
    let host: String
    let port: Int

    init?(_ text: String) {
        let parts = text.split(separator: "://", maxSplits: 1)
        guard let rest = parts.last, parts.count == 1 || parts[0] == "http",
            let colon = rest.lastIndex(of: ":"),
            let port = Int(rest[rest.index(after: colon)...].prefix { $0 != "/" }), (1...65535).contains(port)
        else { return nil }
        host = String(rest[..<colon])
        self.port = port
    }
}
