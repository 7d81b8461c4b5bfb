import ArgumentParser
import Channel
import Client
import Console
import Findings
import KernelPatcher
import Linux
import ProcessPatcher

/// Times of the records.
enum Moment {
    static func text(_ seconds: Int64) -> String { UTCTime(seconds: seconds).description }
}

/// `tsugite show`: what is in memory, and what could be.
struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show which updates are in memory, or with --available what could be.",
        discussion: """
            What is in memory is read from the processes themselves, and from the kernel. Reading needs no rights \
            beyond what /proc allows. With kernel, also what the kernel carries that came from elsewhere, and a \
            transition that is under way, with the tasks that it waits for.

            EXAMPLE
              tsugite show
              tsugite show kernel
              tsugite show --available

            EXIT STATUS
              0 shown    13 no such process    64 wrong usage    70 internal error
            """)

    @Argument(help: "kernel, user or all.") var scope = UpgradeScope.all
    @Flag(help: "What the channels offer for what runs here and isn't in memory.") var available = false
    @Flag(help: "Only the number of updates.") var count = false
    @Option(help: "Only this process.") var pid: Int32?
    @OptionGroup var client: ClientOptions

    func validate() throws {
        if let pid, pid <= 0 { throw ValidationError("\(pid) is no process id.") }
    }

    struct Report: Encodable {
        struct Update: Encodable {
            var id: String
            var family: String
            var effectiveVersion: String
            var advisories: [String]
            var summary: String
            var state: String
            var covered: [Int32]
            var missing: [Int32]
            /// Whether the running kernel has it; nil for updates of processes, and of other kernels.
            var inKernel: Bool?
        }
        var schema = "tsugite.show/1"
        var kernel: KernelIdentity
        var updates: [Update]
        var omitted: [Client.Plan.Omission] = []
        var unreadable: Int
        /// With `show kernel`: what the running kernel is and carries.
        var status: KernelStatus?
    }

    func run() throws {
        try client.reporting {
            let session = try client.session()
            if let pid, !FileFacts.exists("/proc/\(pid)") {
                throw ClientError(
                    Finding(
                        .processGone, "there is no process \(pid)", evidence: ["pid": "\(pid)"],
                        remedy: "See which there are: ps -e."))
            }
            var report = available ? try offered(session) : try installed(session)
            if scope == .kernel, !available { report.status = try KernelPatcher().status() }
            if client.json { return Output.json(report) }
            if count { return Output.result("\(report.updates.count)") }
            Output.result(text(report))
        }
    }

    private func installed(_ session: Session) throws -> Report {
        let planner = try session.planner()
        let updates = planner.state.installed.filter(isWanted).map { update -> Report.Update in
            let users = update.patches.flatMap { patch in
                planner.inventory.users(of: patch.buildID).map { ($0, patch.sha256) }
            }
            .filter { pid == nil || $0.0.rawValue == pid }
            let covered = users.filter { planner.memory[$0.0]?.contains($0.1) == true }.map(\.0.rawValue)
            let missing = users.map(\.0.rawValue).filter { !covered.contains($0) }
            let state = update.trial.map { "on trial until \(Moment.text($0.until))" } ?? "installed"
            var row = row(update, state, Set(covered).sorted(), Set(missing).sorted())
            let own = update.patches.filter { $0.buildID == planner.inventory.kernel.buildID }
            if update.isKernel, !own.isEmpty {
                row.inKernel = own.contains { planner.kernelMemory.contains($0.sha256) }
            }
            return row
        }
        return Report(kernel: planner.inventory.kernel, updates: updates, unreadable: planner.inventory.unreadable)
    }

    private func offered(_ session: Session) throws -> Report {
        let planner = try session.planner(client.fetchStep(session).known())
        let plan = planner.upgrade(scope.kind)
        let updates = plan.steps.filter { $0.action == .install }.map { step -> Report.Update in
            let missing = step.update.patches.flatMap { planner.inventory.users(of: $0.buildID) }.map(\.rawValue)
            return row(step.update, "available", [], Set(missing).sorted())
        }
        return Report(
            kernel: planner.inventory.kernel, updates: updates, omitted: plan.omitted,
            unreadable: planner.inventory.unreadable)
    }

    private func isWanted(_ update: InstalledUpdate) -> Bool {
        scope.kind == nil || update.isKernel == (scope == .kernel)
    }

    private func row(_ update: InstalledUpdate, _ state: String, _ covered: [Int32], _ missing: [Int32])
        -> Report.Update
    {
        .init(
            id: update.id, family: update.family, effectiveVersion: update.effectiveVersion,
            advisories: update.advisories, summary: update.summary, state: state, covered: covered, missing: missing
        )
    }

    private func text(_ report: Report) -> String {
        var lines = ["kernel \(report.kernel.release) \(report.kernel.version)"]
        for update in report.updates {
            let advisories = update.advisories.isEmpty ? "" : " \(update.advisories.joined(separator: ", "))"
            lines.append(
                "[\(update.id)]\(advisories)  \(update.family) \(update.effectiveVersion)  \(update.state)")
            if !update.summary.isEmpty { lines.append("    \(update.summary)") }
            if let inKernel = update.inKernel {
                lines.append(inKernel ? "    in the running kernel" : "    not in the running kernel")
            }
            if !update.covered.isEmpty { lines.append("    in memory of: \(list(update.covered))") }
            if !update.missing.isEmpty {
                lines.append("    \(available ? "would go into" : "not in memory of"): \(list(update.missing))")
            }
        }
        if report.updates.isEmpty { lines.append(available ? "nothing is available" : "no update is installed") }
        if let status = report.status { lines += [status.text(isAsked: true, kept: KernelPlan()) ?? ""] }
        lines += report.omitted.map { "  \($0.finding.message)" }
        if report.unreadable > 0 { lines.append(OperationRendering.unreadable(report.unreadable)) }
        return lines.joined(separator: "\n")
    }

    private func list(_ processes: [Int32]) -> String {
        let shown = processes.prefix(12).map(String.init).joined(separator: ", ")
        return processes.count > 12 ? "\(shown) and \(processes.count - 12) more" : shown
    }
}

/// `tsugite list-targets`.
struct ListTargets: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List what runs here and channels have updates for, with the processes that use each.")
    @OptionGroup var client: ClientOptions

    struct Target: Encodable {
        var family: String
        var buildID: String
        var path: String
        var updates: [String]
        var processes: [Int32]
    }

    func run() throws {
        try client.reporting {
            let session = try client.session()
            let planner = try session.planner(client.fetchStep(session).known())
            var targets: [String: Target] = [:]
            for candidate in planner.candidates() {
                for patch in candidate.update.patches {
                    let module = planner.inventory.modules[patch.buildID]
                    var target =
                        targets[patch.buildID]
                        ?? Target(
                            family: candidate.update.family, buildID: patch.buildID,
                            path: module?.path ?? planner.inventory.kernel.release, updates: [],
                            processes: module?.processes.map(\.rawValue) ?? [])
                    target.updates.append(candidate.update.id)
                    targets[patch.buildID] = target
                }
            }
            let list = targets.values.sorted { $0.path < $1.path }
            if client.json { return Output.json(list) }
            for target in list {
                Output.result("\(target.family)  \(target.path)  \(target.buildID.prefix(12))")
                Output.result("    updates: \(target.updates.joined(separator: ", "))")
                Output.result("    processes: \(target.processes.map(String.init).joined(separator: ", "))")
            }
            if list.isEmpty { Output.result("the attached channels have no updates for what runs here") }
        }
    }
}
