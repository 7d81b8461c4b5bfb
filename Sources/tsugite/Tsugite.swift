import ArgumentParser

/// Live updates for Linux: the command.
@main
struct Tsugite: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tsugite", abstract: "Put fixed code into running processes, without restarting them.",
        subcommands: [ChannelCommand.self, MirrorCommand.self, Tuf.self])
}
