import ArgumentParser

/// The part of `tsugite` that speaks with networks, a program of its own.
///
/// HTTP and TLS cost memory and start-up time, which the program that changes processes shall not pay; and what
/// reads bytes from strangers needs no rights over processes. `tsugite channel` and its like run this with the same
/// arguments.
@main
struct TsugiteChannel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tsugite", abstract: "Channels of updates: publish, copy and follow them.",
        version: "0.1.0", subcommands: [ChannelCommand.self, MirrorCommand.self, Tuf.self, Fetch.self])
}
