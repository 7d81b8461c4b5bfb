import ArgumentParser
import Channel
import Client
import Console
import Findings
import Glibc

/// How an action is confirmed.
struct ConfirmOptions: ParsableArguments {
    @Flag(name: .customShort("n"), help: "Show the plan, and do nothing.") var onlyPlan = false
    @Flag(name: .customShort("y"), help: "Don't ask.") var yes = false

    func validate() throws {
        if onlyPlan && yes { throw ValidationError("Give either -n or -y.") }
    }

    /// Whether to go on.
    /// - Parameter verb: whose usage is shown where nobody can be asked.
    func isConfirmed(_ plan: Plan, _ verb: any ParsableCommand.Type) throws -> Bool {
        Output.note(ActionText.plan(plan))
        if onlyPlan { return false }
        if yes { return true }
        guard isatty(STDIN_FILENO) == 1 else {
            // Thrown from here on, an error of the parser would show the usage of the whole program.
            Output.note("Error: Nobody is there to be asked: give -y, or -n to see the plan only.")
            Output.note(Tsugite.usageString(for: verb))
            throw ExitCode.validationFailure
        }
        Output.note("Go ahead? [y/N]")
        return readLine().map { $0.lowercased() == "y" || $0.lowercased() == "yes" } ?? false
    }
}

/// Which updates are meant.
enum UpgradeScope: String, ExpressibleByArgument, CaseIterable {
    case kernel, user, all

    var kind: Family.Kind? {
        switch self {
        case .kernel: .kernel
        case .user: .user
        case .all: nil
        }
    }
}

/// `tsugite upgrade`: plan, confirm, do.
struct Upgrade: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Install every update that is available for what runs here.",
        discussion: """
            Asks the channels, makes a plan, shows it, and after a yes carries it out. Afterwards the plans for the \
            next boot, for removal and for a step back are stored, so that none of those needs the network.

            EXAMPLE
              tsugite upgrade -n
              tsugite upgrade user -y

            EXIT STATUS
              0 applied    10 nothing to do    11 partial    12 deferred (busy)    13 blocked    14 no network
              15 not trusted    64 wrong usage    70 internal error
            """)

    @Argument(help: "kernel, user or all.") var scope = UpgradeScope.all
    @OptionGroup var confirm: ConfirmOptions
    @Flag(help: "Plan with what is known, without asking the channels.") var offline = false
    @Option(help: "Take it out again after this time unless it is accepted: 30m.") var trial: String?
    @OptionGroup var client: ClientOptions

    func validate() throws { try InstallRun.check(trial) }

    func run() throws {
        try client.reporting {
            try InstallRun(
                client: client, confirm: confirm, isOffline: offline, trial: trial, verb: "upgrade",
                command: Upgrade.self
            )
            .run { $0.upgrade(scope.kind) }
        }
    }
}

/// `tsugite install`: particular updates.
struct Install: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Install particular updates.",
        discussion: """
            EXAMPLE
              tsugite install CVE-2026-0001 --trial 30m

            EXIT STATUS as for upgrade.
            """)

    @Argument(help: "The updates' ids, as show --available prints them.") var ids: [String]
    @OptionGroup var confirm: ConfirmOptions
    @Flag(help: "Plan with what is known, without asking the channels.") var offline = false
    @Option(help: "Take it out again after this time unless it is accepted: 30m.") var trial: String?
    @OptionGroup var client: ClientOptions

    func validate() throws { try InstallRun.check(trial) }

    func run() throws {
        try client.reporting {
            try InstallRun(
                client: client, confirm: confirm, isOffline: offline, trial: trial, verb: "install",
                command: Install.self
            )
            .run { planner in
                let known = Set(planner.candidates().map(\.update.id))
                if let unknown = ids.first(where: { !known.contains($0) }) {
                    throw ClientError(
                        Finding(
                            .clientUpdateUnknown, "no update \(unknown) is available for what runs here",
                            evidence: ["update": unknown]))
                }
                return planner.upgrade(only: ids)
            }
        }
    }
}

/// What upgrade and install share.
struct InstallRun {
    var client: ClientOptions
    var confirm: ConfirmOptions
    var isOffline: Bool
    var trial: String?
    var verb: String
    var command: any ParsableCommand.Type

    static func check(_ trial: String?) throws {
        if let trial, Period.seconds(trial) == nil { throw ValidationError("--trial takes a time such as 30m.") }
    }

    func run(_ makePlan: (Planner) throws -> Plan) throws {
        let session = try client.session()
        let step = try client.fetchStep(session)
        let lock = try client.lock(verb)
        defer { withExtendedLifetime(lock) {} }
        if session.configuration.channels.isEmpty {
            throw ClientError(Finding(.sourceDetached, "no channel is attached to this machine"))
        }
        let found = isOffline ? FetchStep.Result() : try session.refresh(step)
        for failure in found.failures.values { Output.note("tsugite: \(failure.finding)") }
        let plan = try makePlan(try session.planner(try step.known()))
        guard !plan.steps.isEmpty else {
            // Without an answer from the channels, "nothing to do" would be a guess.
            if let failure = found.failures.values.first { throw ExitStatus(failure.finding).exit }
            return try client.finish(try session.carryOut(plan, verb: verb))
        }
        if confirm.onlyPlan && client.json { return Output.json(plan) }
        guard try confirm.isConfirmed(plan, command) else { return }
        try session.bring(plan, step)
        var report = try session.carryOut(plan, verb: verb, trialSeconds: trial.flatMap(Period.seconds))
        if trial != nil {
            if let undone = try session.judgeTrials(at: UTCTime.now().seconds) { report = undone } else { watch() }
        }
        try client.finish(report)
    }

    /// Leaves a process behind that ends the trial, whatever becomes of this one.
    private func watch() {
        guard let own = Neighbour.ownPath.split(separator: "\0").first.map(String.init) else { return }
        _ = try? TrialWatch.start(own, root: client.root)
    }
}
