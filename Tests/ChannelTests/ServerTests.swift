import Channel
import ChannelHTTP
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite struct ServerTests {
    let channel: PublishedChannel

    init() throws {
        channel = try PublishedChannel()
        try channel.add("U1", family: "user/libstdc++6", content: String(repeating: "long ", count: 50_000))
        try channel.add("U2")
    }

    /// Follows what a server serves, and downloads everything.
    func follow(_ server: StaticServer) throws -> Int {
        let address = "http://127.0.0.1:\(server.port)"
        let store = MetadataStore(folder: channel.folder + "/" + UUID().uuidString)
        try Updater.initialise(store, rootFile: channel.channel + "/metadata/1.root.json", at: channel.time)
        let client = try Updater(
            store: store, metadataAddress: address + "/metadata", targetsAddress: address + "/targets",
            fetcher: try HTTPFetcher(), at: channel.time)
        let targets = try client.allTargets()
        for target in targets { _ = try client.download(target, into: channel.folder + "/" + UUID().uuidString) }
        return targets.count
    }

    @Test func `serves a channel to clients`() throws {
        let server = try StaticServer(folder: channel.channel, host: "127.0.0.1", port: 0)
        defer { server.stop() }
        #expect(try follow(server) == 2)
    }

    @Test(
        arguments: [
            "/publisher.json", "/metadata", "/metadata/", "/metadata/../publisher.json",
            "/targets/%2e%2e/publisher.json",
            "/metadata/..%2fpublisher.json", "//etc/passwd", "/targets/%00", "/targets/%zz", "/staged/x", "/.lock",
            "/metadata/.hidden", "/targets/user",
        ])
    func `serves nothing else`(path: String) throws {
        let server = try StaticServer(folder: channel.channel, host: "127.0.0.1", port: 0)
        defer { server.stop() }
        let failure = #expect(throws: ChannelError.self) {
            try HTTPFetcher().fetch(
                "http://127.0.0.1:\(server.port)\(path)", limits: TransferLimits(maximumLength: 1 << 20)
            ) { _ throws(ChannelError) in }
        }
        #expect(failure?.kind != .tooLong)
    }

    @Test func `a cache fetches what is asked for, once, and only what the channel lists`() throws {
        let fetcher = FaultyFetcher()
        let mirror = Mirror(folder: channel.folder + "/cache")
        try Updater.initialise(mirror.store, rootFile: channel.channel + "/metadata/1.root.json", at: channel.time)
        var options = Mirror.Options()
        options.isCache = true
        let status = try mirror.synchronise(
            from: "file://" + channel.channel, fetcher: fetcher, options: options, at: channel.time)
        #expect(status.files == 0)
        let cache = MirrorCache(mirror, address: "file://" + channel.channel, fetcher: fetcher)
        let server = try StaticServer(folder: channel.folder + "/cache", host: "127.0.0.1", port: 0) { path in
            (try? cache.bring(path)) ?? false
        }
        defer { server.stop() }
        #expect(try follow(server) == 2)
        #expect(try follow(server) == 2)
        #expect(fetcher.requests.count { $0.hasSuffix(".tsp") } == 2)
        #expect(try cache.bring("user/libssl3/abcd/nothing") == false)
    }
}
