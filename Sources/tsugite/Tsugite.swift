import ArgumentParser

/// Live updates for Linux: the command.
@main
struct Tsugite: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tsugite",
        abstract: "Put fixed code into running processes and kernels, without restarting them.",
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(name: "Patch files:", subcommands: [Build.self, Inspect.self]),
            CommandGroup(
                name: "Running processes, running kernel:", subcommands: [Apply.self, Undo.self, Status.self]),
            CommandGroup(name: "Running kernel:", subcommands: [Uname.self, KernelCommands.self]),
        ])

    static func main() { main(Self.normalised(Array(CommandLine.arguments.dropFirst()))) }

    /// `build --kernel` without a value means the running one; the parser knows options with a value only.
    static func normalised(_ arguments: [String]) -> [String] {
        guard arguments.first == "build", let at = arguments.firstIndex(of: "--kernel") else { return arguments }
        let next = at + 1
        guard next == arguments.count || arguments[next].hasPrefix("-") else { return arguments }
        var arguments = arguments
        arguments.insert("running", at: next)
        return arguments
    }
}
