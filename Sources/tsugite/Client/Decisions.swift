import ArgumentParser
import Client
import Console
import Findings

/// Changes one decision of this machine, under its lock.
private func decide(_ client: ClientOptions, _ verb: String, _ change: (inout ClientState) -> String) throws {
    try client.reporting {
        let lock = try client.lock(verb)
        defer { withExtendedLifetime(lock) {} }
        let store = StateStore(client.paths)
        var state = try store.state()
        let text = change(&state)
        try store.write(state, to: store.paths.record)
        Output.result(text)
    }
}

/// `tsugite hold`.
struct Hold: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Leave updates alone: by id, package or family; without a name, show what is held.")
    @Argument(help: "Ids, packages or families such as user/libssl3.") var names: [String] = []
    @OptionGroup var client: ClientOptions

    func run() throws {
        if names.isEmpty {
            return try client.reporting {
                let session = try client.session()
                for name in session.configuration.hold { Output.result("\(name)  (configuration)") }
                for name in try session.store.state().held { Output.result(name) }
            }
        }
        try decide(client, "hold") { state in
            state.held = Array(Set(state.held + names)).sorted()
            return "held: \(state.held.joined(separator: ", "))"
        }
    }
}

/// `tsugite unhold`.
struct Unhold: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Don't leave updates alone any more.")
    @Argument(help: "What was held.") var names: [String]
    @OptionGroup var client: ClientOptions

    func run() throws {
        try decide(client, "unhold") { state in
            state.held.removeAll { names.contains($0) }
            return state.held.isEmpty ? "nothing is held" : "held: \(state.held.joined(separator: ", "))"
        }
    }
}

/// `tsugite pin`.
struct Pin: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Go no further than a version of a package.")
    @Argument(help: "PACKAGE=VERSION.") var pin: String
    @OptionGroup var client: ClientOptions

    func validate() throws {
        guard pin.split(separator: "=", maxSplits: 1).count == 2 else {
            throw ValidationError("Give PACKAGE=VERSION.")
        }
    }

    func run() throws {
        try decide(client, "pin") { state in
            let parts = pin.split(separator: "=", maxSplits: 1).map(String.init)
            state.pins[parts[0]] = parts[1]
            return "\(parts[0]) goes no further than \(parts[1])"
        }
    }
}

/// `tsugite unpin`.
struct Unpin: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let a package go on.")
    @Argument(help: "The package.") var package: String
    @OptionGroup var client: ClientOptions

    func run() throws {
        try decide(client, "unpin") { state in
            state.pins[package] = nil
            return "\(package) goes on"
        }
    }
}

/// `tsugite plan`: shows a stored plan, or carries it out.
struct PlanVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show a stored plan: upgrade, boot, remove or undo; or carry it out.")
    @Argument(help: "upgrade, boot, remove or undo.") var purpose = "upgrade"
    @Flag(name: .customLong("run"), help: "Carry it out.") var isRun = false
    @OptionGroup var client: ClientOptions

    func validate() throws {
        guard ["upgrade", "boot", "remove", "undo"].contains(purpose) else {
            throw ValidationError("Give upgrade, boot, remove or undo.")
        }
    }

    func run() throws {
        try client.reporting {
            let session = try client.session()
            guard let wanted = Plan.Purpose(rawValue: purpose) else { return }
            if isRun {
                let lock = try client.lock("plan")
                defer { withExtendedLifetime(lock) {} }
                let plan = try session.store.plan(wanted) ?? Plan(wanted)
                return try client.finish(try session.carryOut(plan, verb: purpose))
            }
            // The upgrade is planned anew, with what is known: catalogues are stored, processes come and go.
            let plan =
                wanted == .upgrade
                ? try session.planner(client.fetchStep(session).known()).upgrade()
                : try session.store.plan(wanted) ?? Plan(wanted)
            if client.json { return Output.json(plan) }
            Output.result(plan.steps.isEmpty && plan.omitted.isEmpty ? "nothing to do" : ActionText.plan(plan))
        }
    }
}

/// `tsugite history`.
struct History: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what was done on this machine.")
    @OptionGroup var client: ClientOptions

    func run() throws {
        try client.reporting {
            let entries = try StateStore(client.paths).history()
            if client.json { return Output.json(entries) }
            for entry in entries {
                let codes = entry.codes.isEmpty ? "" : "  [\(entry.codes.joined(separator: ", "))]"
                Output.result(
                    "\(Moment.text(entry.time))  \(entry.verb): \(entry.outcome)  \(entry.updates.joined(separator: " "))\(codes)"
                )
            }
            if entries.isEmpty { Output.result("nothing was done yet") }
        }
    }
}
