import ArgumentParser

/// Live updates for Linux: the command.
@main
struct Tsugite: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tsugite", abstract: "Put fixed code into running processes, without restarting them.",
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(name: "Patch files:", subcommands: [Build.self, Inspect.self, Cache.self]),
            CommandGroup(name: "Running processes:", subcommands: [Apply.self, Undo.self, Status.self, Recover.self]),
        ])
}
