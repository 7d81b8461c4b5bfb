import ArgumentParser
import Channel
import Client
import Console
import Findings
import ProcessPatcher

/// What the units run when the machine comes up and goes down.
struct BootVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "boot", abstract: "What systemd runs: replay, follow, late, settled.",
        discussion: """
            replay     before the network: the set of before the reboot, from the stored plan (install_on_reboot)
            follow     the same set into processes that were started since
            late       with the network: everything that is available (upgrade_on_reboot)
            settled    the machine has run for a while, or goes down in order: what comes is not the set's fault

            The kernel argument notsugite or the file /etc/tsugite/disable forbids replay and late.
            """)

    enum Moment: String, ExpressibleByArgument, CaseIterable {
        case replay, follow, late, settled
    }
    @Argument(help: "replay, follow, late or settled.") var moment: Moment
    @OptionGroup var client: ClientOptions

    func run() throws {
        try client.reporting {
            let session = try client.session()
            let lock = try client.lock("boot \(moment.rawValue)")
            defer { withExtendedLifetime(lock) {} }
            switch moment {
            case .settled: try session.settle()
            case .replay: try report(try session.replay())
            case .follow:
                guard KillSwitch.active(session.store.paths) == nil, try !session.isHeldBack() else { return }
                let plan = try session.planner().follow()
                if !plan.steps.isEmpty { try report(try session.carryOut(plan, verb: "follow")) }
            case .late:
                guard session.configuration.upgradeOnReboot else {
                    return Output.result("upgrade_on_reboot is off")
                }
                try Automatic.run(session, client, verb: "late")
            }
        }
    }

    /// At boot, nothing to do is as good as done; a held-back set is for doctor and the journal, not a failed unit.
    private func report(_ report: ActionReport) throws {
        if client.json { Output.json(report) } else { Output.result(ActionText.report(report)) }
        if report.outcome == .blocked || report.outcome == .partial { throw ExitStatus(report.outcome).exit }
    }
}

/// `tsugite resume`: lets a held-back set be replayed again.
struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let a set that was held back after crashes be replayed again, and do so.")
    @OptionGroup var client: ClientOptions

    func run() throws {
        try client.reporting {
            let session = try client.session()
            let lock = try client.lock("resume")
            defer { withExtendedLifetime(lock) {} }
            try session.resume()
            try client.finish(try session.replay())
        }
    }
}

/// `tsugite refresh`: asks the channels for news.
struct Refresh: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask the channels for news; with --auto do what policy says about them.",
        discussion: "With nothing new it costs one small request for each channel.")
    @Flag(help: "For timers: quiet, and with autoinstall: yes also installs, within the windows.") var auto = false
    @Flag(help: "With --auto: ask the channels only if check_interval and jitter have passed.") var whenDue = false
    @Flag(help: "Refresh everything, signing keys too.") var whole = false
    @OptionGroup var client: ClientOptions

    func run() throws {
        try client.reporting {
            let session = try client.session()
            let lock = try client.lock("refresh")
            defer { withExtendedLifetime(lock) {} }
            if auto {
                let asks = try !whenDue || session.isCheckDue(at: UTCTime.now().seconds)
                return try Automatic.run(session, client, verb: "auto", asks: asks)
            }
            let result = try session.refresh(try client.fetchStep(session), isWhole: whole)
            // What was known of a channel before says nothing about a look that failed.
            for label in session.configuration.channels.map(\.label) where result.failures[label] == nil {
                guard let offer = result.offers[label] else { continue }
                Output.result("\(label): version \(offer.version), \(offer.entries) entries")
            }
            for failure in result.failures.values { Output.note("tsugite: \(failure.finding)") }
            if let failure = result.failures.values.first { throw ExitStatus(failure.finding).exit }
        }
    }
}

/// What timers and late boot do: news, new processes, and by policy new updates.
enum Automatic {
    static func run(_ session: Session, _ client: ClientOptions, verb: String, asks: Bool = true) throws {
        let log = JournalLine(session)
        if let finding = KillSwitch.finding(session.store.paths) { return log.info("\(finding)") }
        let step = try client.fetchStep(session)
        let found = asks ? try session.refresh(step) : FetchStep.Result()
        if !asks { log.debug("the channels aren't asked yet: check_interval") }
        for failure in found.failures.values { log.error("tsugite: \(failure.finding)") }
        for (label, offer) in found.offers.sorted(by: { $0.key < $1.key }) {
            log.debug("\(label): version \(offer.version), \(offer.entries) entries")
        }
        if let trial = try session.judgeTrials(at: UTCTime.now().seconds) { log.info(ActionText.report(trial)) }
        let planner = try session.planner(try step.known())
        let mayInstall = verb == "late" || (session.configuration.autoinstall && session.isInWindow)
        // What is installed goes into new processes in any case.
        var plan = mayInstall ? planner.upgrade() : planner.follow()
        for omission in plan.omitted { log.debug("\(omission.finding)") }
        plan.omitted = []
        try session.bring(plan, step)
        let report = try session.carryOut(plan, verb: verb)
        if !report.steps.isEmpty { log.info(ActionText.report(report)) }
        if report.outcome == .blocked { throw ExitStatus(report.outcome).exit }
    }
}
