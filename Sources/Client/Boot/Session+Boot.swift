public import Findings
import Linux
import ProcessPatcher

/// What forbids everything that happens by itself.
public enum KillSwitch {
    /// The switch that is on; nil if none is.
    public static func active(_ paths: Paths) -> String? {
        if FileFacts.exists(paths.disable) { return paths.disable }
        let line = (try? FileSystem.readText("/proc/cmdline", limit: 1 << 16)) ?? ""
        let words = line.split { $0 == " " || $0 == "\n" }
        return words.first { $0 == "notsugite" || $0 == "nouptrack" }.map { "kernel argument \($0)" }
    }

    /// The same as a finding.
    public static func finding(_ paths: Paths) -> Finding? {
        active(paths).map { Finding(.clientDisabled, "\($0) is set", evidence: ["switch": $0]) }
    }
}

extension Session {
    /// Before the network is up: puts the set of before the reboot back, from the stored plan.
    public func replay() throws(ClientError) -> ActionReport {
        var report = ActionReport(verb: "replay", steps: [])
        report.findings += try closeJournal()
        if let finding = KillSwitch.finding(store.paths) {
            report.findings.append(finding)
            return report
        }
        guard configuration.installOnReboot, let plan = try store.plan(.boot), !plan.steps.isEmpty else {
            return report
        }
        let kernel = try asClient { () throws(SystemError) in try KernelIdentity.current() }
        let set = plan.steps.flatMap { $0.update.patches.map(\.sha256) }.sorted()
        var memory = BootMemory(bootID: kernel.bootID, set: set, stage: .replaying, uncleanEnds: 0)
        let previous = try store.read(BootMemory.self, store.paths.boots)
        switch BootMemory.decide(
            previous, bootID: kernel.bootID, set: set, hasCrashDump: Self.hasCrashDump,
            limit: configuration.crashLoopLimit)
        {
        case .held(let why):
            memory.stage = .held
            try store.write(memory, to: store.paths.boots)
            report.findings.append(Finding(.bootLoop, "the set isn't replayed: \(why)", evidence: ["reason": why]))
            report.outcome = .blocked
            return report
        case .replay(let ends):
            memory.uncleanEnds = ends
            try store.write(memory, to: store.paths.boots)
        }
        let findings = report.findings
        report = try carryOut(plan, verb: "replay")
        report.findings += findings
        memory.stage = .replayed
        try store.write(memory, to: store.paths.boots)
        return report
    }

    /// The machine has run for a while, or goes down in an orderly way: the set is not to blame for what comes.
    public func settle() throws(ClientError) {
        guard var memory = try store.read(BootMemory.self, store.paths.boots), memory.stage != .held else { return }
        memory.stage = .settled
        memory.uncleanEnds = 0
        try store.write(memory, to: store.paths.boots)
    }

    /// Whether the set is held back after crashes.
    public func isHeldBack() throws(ClientError) -> Bool {
        try store.read(BootMemory.self, store.paths.boots)?.stage == .held
    }

    /// A held-back set may be replayed again.
    public func resume() throws(ClientError) {
        try store.remove(store.paths.boots)
        try kernel.resume()
    }

    /// What was interrupted by the end of the boot before.
    private func closeJournal() throws(ClientError) -> [Finding] {
        guard let journal = try store.read(ActionJournal.self, store.paths.journal) else { return [] }
        let boot = try asClient { () throws(SystemError) in try KernelIdentity.current() }.bootID
        guard journal.bootID != boot else { return [] }
        let names = journal.plan.steps.map { "\($0.action.rawValue) \($0.update.id)" }.joined(separator: ", ")
        try store.remember(
            HistoryEntry(
                time: Self.now, verb: journal.plan.purpose.rawValue, outcome: "interrupted",
                updates: journal.plan.steps.map(\.update.id), codes: [FindingCode.powerLoss.rawValue]))
        try store.remove(store.paths.journal)
        return [Finding(.powerLoss, "the machine went down during: \(names)", evidence: ["action": names])]
    }

    private static var hasCrashDump: Bool {
        ((try? Directory.entries(of: "/sys/fs/pstore")) ?? []).contains { $0.name.hasPrefix("dmesg-") }
    }
}
