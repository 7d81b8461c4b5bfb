import ArgumentParser
import Channel
import ChannelHTTP
import Console
import Findings
import Linux
import Synchronization

/// Serves a channel or a mirror.
struct ChannelServe: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve a channel or a mirror over HTTP, for sites without a web server.",
        discussion: """
            With --cache-of the folder is a mirror that fetches target files when they are first asked for; run \
            tsugite mirror sync --cache now and then for its metadata.
            """)

    @Argument(help: "Folder of the channel or mirror.") var folder: String
    @Option(help: "Address to listen on.") var host = "127.0.0.1"
    @Option(help: "Port to listen on; 0 for any that is free.") var port = 8470
    @Option(help: "Address of the channel whose files are fetched when they are first asked for.")
    var cacheOf: String?

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port lies between 0 and 65535") }
        if let cacheOf { try AddressWords.check(cacheOf) }
    }

    func run() throws {
        try reportingChannelErrors { () throws(ChannelError) in
            guard FileFacts.exists("\(folder)/metadata") else {
                throw ChannelError(
                    .file, folder, "there is no channel or mirror in this folder",
                    remedy: "Make one: tsugite channel init, or tsugite mirror sync.")
            }
            let server: StaticServer
            let missing = try fetchMissing()
            do throws(StaticServer.StartError) {
                server = try StaticServer(folder: folder, host: host, port: port, fetchMissing: missing)
            } catch {
                throw ChannelError(.network, folder, "can't listen: \(error)")
            }
            Output.result("serving \(folder) on http://\(host):\(server.port)")
            server.wait()
        }
    }

    private func fetchMissing() throws(ChannelError) -> (@Sendable (String) -> Bool)? {
        guard let cacheOf else { return nil }
        let cache = MirrorCache(Mirror(folder: folder), address: cacheOf, fetcher: try fetcher(for: cacheOf))
        return { path in
            do throws(ChannelError) {
                return try cache.bring(path)
            } catch {
                Output.note("tsugite: \(error.finding)")
                return false
            }
        }
    }
}
