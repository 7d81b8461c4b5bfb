import ArgumentParser
import Channel
import Console
import Findings

/// Moves replaced updates away.
struct ChannelArchive: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "archive", abstract: "Move updates that others replace into an archive channel.",
        discussion: "The archive is a channel of its own, made with channel init; it stays verifiable.")

    @OptionGroup var channel: ChannelOptions
    @Option(help: "Folder of the archive channel.") var to: String

    func run() throws {
        try reportingChannelErrors { () throws(ChannelError) in
            let moved = try channel.repository.archive(to: Repository(folder: to), keys: try channel.ring())
            for id in moved { Output.result("archived \(id)") }
            if moved.isEmpty { Output.result("nothing to do: no update is replaced by another one") }
        }
    }
}
