import ArgumentParser
import Channel
import Client
import Console
import Findings
import Linux

/// `tsugite remove`: takes updates out; no network is needed.
struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take updates out of memory; needs no network.",
        discussion: "EXIT STATUS as for upgrade.")

    @Argument(help: "The updates' ids.") var ids: [String] = []
    @Flag(help: "All of them.") var all = false
    @OptionGroup var confirm: ConfirmOptions
    @OptionGroup var client: ClientOptions

    func validate() throws {
        if ids.isEmpty != all { throw ValidationError("Give either ids or --all.") }
    }

    func run() throws {
        try client.reporting {
            let session = try client.session()
            let lock = try client.lock("remove")
            defer { withExtendedLifetime(lock) {} }
            let planner = try session.planner()
            if let unknown = ids.first(where: { planner.state.update($0) == nil }) {
                throw ClientError(
                    Finding(
                        .clientUpdateUnknown, "no update \(unknown) is installed", evidence: ["update": unknown]))
            }
            let plan = planner.remove(all ? nil : ids)
            guard plan.steps.isEmpty ? true : try confirm.isConfirmed(plan, Remove.self) else { return }
            try client.finish(try session.carryOut(plan, verb: "remove"))
        }
    }
}

/// `tsugite accept`: ends a trial by keeping the update.
struct Accept: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Keep an update that is on trial.")
    @Argument(help: "The update's id.") var id: String
    @OptionGroup var client: ClientOptions

    func run() throws {
        try client.reporting {
            let lock = try client.lock("accept")
            defer { withExtendedLifetime(lock) {} }
            try client.session().accept(id)
            Output.result("\(id) is accepted: it stays, and comes back after a reboot")
        }
    }
}

/// Ends trials; left behind by an installation on trial.
struct TrialWatch: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trial-watch", abstract: "End trials whose time is up.", shouldDisplay: false)
    @Option(help: "Seconds between two looks.") var interval = 5
    @OptionGroup var client: ClientOptions

    func run() throws {
        while true {
            let session = try client.session()
            guard try session.store.state().installed.contains(where: { $0.trial != nil }) else { return }
            if let lock = try? client.lock("trial-watch") {
                let report = try? session.judgeTrials(at: UTCTime.now().seconds)
                if let report = report ?? nil { Output.note(ActionText.report(report)) }
                withExtendedLifetime(lock) {}
            }
            Nap.nanoseconds(UInt64(max(1, interval)) * 1_000_000_000)
        }
    }

    /// Starts one in a session of its own, with no terminal.
    static func start(_ program: String, root: String) throws(SystemError) {
        let words = ["-f", program, "trial-watch"] + (root.isEmpty ? [] : ["--root", root])
        let quoted = words.map {
            "'" + $0.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        }
        let line = "exec setsid \(quoted.joined(separator: " ")) </dev/null >/dev/null 2>&1"
        _ = try Command("/bin/sh", ["-c", line], directory: "/", timeout: .seconds(10)).run()
    }
}
