import ArgumentParser

/// Live updates for Linux: the command.
@main
struct Tsugite: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tsugite", abstract: "Put fixed code into running processes, without restarting them.",
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(name: "Patch files:", subcommands: [Build.self, Inspect.self]),
            CommandGroup(name: "Running processes:", subcommands: [Apply.self, Undo.self, Status.self]),
            CommandGroup(name: "Channels:", subcommands: [ChannelVerb.self, MirrorVerb.self, TufVerb.self]),
        ])

    /// Verbs of other programs go there before anything is parsed, so that those answer `--help`, too.
    static func main() {
        var words = Array(CommandLine.arguments.dropFirst())
        let asksForHelp = words.first == "help"
        if asksForHelp { words.removeFirst() }
        let verbs: [any NeighbourVerb.Type] = [ChannelVerb.self, MirrorVerb.self, TufVerb.self]
        if let verb = words.first, verbs.contains(where: { $0.configuration.commandName == verb }) {
            do {
                try Neighbour.channel.become((asksForHelp ? ["help"] : []) + words)
            } catch {
                exit(withError: error)
            }
        }
        main(nil)
    }
}
