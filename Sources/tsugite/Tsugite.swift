import ArgumentParser
import Client

/// Live updates for Linux: the command.
@main
struct Tsugite: ParsableCommand {
    static let name = "tsugite"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Put fixed code into running processes and kernels, without restarting them.",
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(name: "Patch files:", subcommands: [Build.self, Inspect.self, Cache.self]),
            CommandGroup(
                name: "Running processes, running kernel:",
                subcommands: [Apply.self, Undo.self, Status.self, Recover.self, Watch.self, Symbols.self]),
            CommandGroup(
                name: "This machine:",
                subcommands: [
                    Show.self, ListTargets.self, Refresh.self, Upgrade.self, Install.self, Remove.self, Accept.self,
                    Hold.self, Unhold.self, Pin.self, Unpin.self, PlanVerb.self, History.self, Effective.self,
                    Uname.self, BootVerb.self, Resume.self, DoctorVerb.self, ReportVerb.self, Explain.self,
                    ImportConfig.self,
                    ApplyPackage.self, CoveredPathsVerb.self, TrialWatch.self,
                ]),
            CommandGroup(name: "Running kernel:", subcommands: [KernelCommands.self]),
            CommandGroup(name: "Channels:", subcommands: [ChannelVerb.self, MirrorVerb.self, TufVerb.self]),
        ])

    /// Verbs of other programs go there before anything is parsed, so that those answer `--help`, too.
    static func main() {
        var words = Array(CommandLine.arguments.dropFirst())
        let program = CommandLine.arguments.first?.split(separator: "/").last.map(String.init) ?? ""
        switch ClassicNames.translate(program, words) {
        case .words(let translated): return main(translated)
        case .refused(let why): exit(withError: ValidationError("\(program): \(why)."))
        case nil: break
        }
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
        if !asksForHelp { runDirectly(words) }
        main(asksForHelp ? nil : normalised(words))
    }

    /// The verbs that act on processes, whose start is part of the time that they take.
    ///
    /// They name `tsugite` as what they belong to: the parser then asks each only for its own words, not for those of
    /// a whole program, which takes a tenth of an apply.
    private static func direct(_ verb: String) -> (any ParsableCommand.Type)? {
        switch verb {
        case "apply": Apply.self
        case "undo": Undo.self
        case "status": Status.self
        case "recover": Recover.self
        default: nil
        }
    }

    /// Runs such a verb without having all others described first: that takes longer than many an operation.
    ///
    /// Returns if the words make no sense to it: then the whole command says so, with its own usage.
    private static func runDirectly(_ words: [String]) {
        guard let verb = words.first, let command = direct(verb),
            var parsed = try? command.parse(Array(words.dropFirst()))
        else { return }
        do {
            try parsed.run()
            exit()
        } catch {
            exit(withError: error)
        }
    }

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
