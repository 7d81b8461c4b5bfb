import ELF
public import Findings
import KernelImage
import Linux
import LivePatch

/// What the running kernel is and carries, read back from itself.
public struct KernelStatus: Sendable, Equatable, Codable {
    /// One live patch.
    public struct Patch: Sendable, Equatable, Codable {
        /// The name for people.
        public var name: String
        /// The module.
        public var module: String
        /// `applied`, `applying`, `undoing` or `off`.
        public var state: String
        /// Whether Tsugite made it.
        public var isOurs: Bool
        /// What it replaces, `object:function`.
        public var functions: [String]
        /// Digests of its diffs.
        public var changes: [String]
        /// Advisories that it answers.
        public var advisories: [String]
        /// The version whose fixes are all in memory with it; empty if its maker didn't say.
        public var effective: String
    }

    /// Names this form of report.
    public var schema = "tsugite.kernel-status/1"
    /// As uname(2) tells it.
    public var release: String
    /// The exact kernel; empty if it doesn't tell.
    public var buildID: String
    /// Whether the kernel can be live patched at all.
    public var isPatchable: Bool
    /// Protections and past trouble.
    public var health: KernelHealth
    /// Which version's fixes are in memory; `nil` if that can't be told.
    public var effective: String?
    /// The live patches, by module.
    public var patches: [Patch]
    /// How far the transition under way is; `nil` if there is none.
    public var transition: TransitionScan.Progress?
    /// Errors that the kernel reported with code of a live patch in the trace, and why there is no effective version.
    public var findings: [Finding]
}

extension KernelPatcher {
    /// Describes the running kernel; nothing is changed.
    public func status() throws(KernelPatcherError) -> KernelStatus {
        let running = try? RunningKernel()
        let loaded = try patches().sorted { $0.module < $1.module }
        var progress: TransitionScan.Progress?
        if let moving = loaded.first(where: \.isInTransition) {
            progress = try system { () throws(SystemError) in try scan.progress(isEnabling: moving.isEnabled) }
        }
        let effective = EffectiveKernel(booted: running?.release ?? Self.bootedRelease, loaded)
        let oopses = KernelLog.oopses()
        return KernelStatus(
            release: running?.release ?? Self.bootedRelease, buildID: running?.buildID.description ?? "",
            isPatchable: folder.isThere, health: KernelHealth(), effective: effective.version,
            patches: loaded.map { KernelStatus.Patch($0) }, transition: progress,
            findings: oopses.map(\.finding) + (effective.finding.map { [$0] } ?? []))
    }

    static var bootedRelease: String { (try? SmallFile.text("/proc/sys/kernel/osrelease")) ?? "" }
}

extension KernelStatus.Patch {
    init(_ loaded: LoadedPatch) {
        name = loaded.name
        module = loaded.module
        state =
            loaded.isInTransition
            ? (loaded.isEnabled ? "applying" : "undoing") : (loaded.isEnabled ? "applied" : "off")
        isOurs = loaded.description != nil
        functions = loaded.functions.map { "\($0.object):\($0.name)" }.sorted()
        changes = loaded.description?.changes.map(\.description) ?? []
        advisories = loaded.description?.advisories ?? []
        effective = loaded.description?.effective ?? ""
    }
}

extension KernelStatus {
    /// The finding of a transition that is under way; `nil` if there is none.
    public var stall: Finding? {
        guard let transition, let patch = patches.first(where: { $0.state == "applying" || $0.state == "undoing" })
        else { return nil }
        var finding = Finding(
            .kernelStalled, "\(patch.name) waits for \(transition.left) task\(transition.left == 1 ? "" : "s")",
            evidence: ["module": patch.module], remedy: transition.remaining.first?.remedy)
        for task in transition.remaining.prefix(8) { finding.evidence.append(.init("waits for", task.summary)) }
        return finding
    }
}

/// Which version's fixes are in memory, as against the version that was booted.
public struct EffectiveKernel: Sendable, Equatable {
    /// The version that was booted.
    public var booted: String
    /// The version; `nil` if it can't be told.
    public var version: String?
    /// Why it can't be told.
    public var finding: Finding?

    /// That of the running kernel.
    public static func current(_ patcher: KernelPatcher = KernelPatcher()) throws(KernelPatcherError)
        -> EffectiveKernel
    {
        EffectiveKernel(booted: KernelPatcher.bootedRelease, try patcher.patches())
    }

    /// Decides for a kernel with these live patches.
    ///
    /// Without live patches it is the booted version. With exactly one that is ours, whole and says so, it is that
    /// one's. Anything else is ambiguous: a patch holds *some* fixes of a version, not the version.
    public init(booted: String, _ patches: [LoadedPatch]) {
        self.booted = booted
        let active = patches.filter { $0.isEnabled || $0.isInTransition }
        if active.isEmpty {
            version = booted
            return
        }
        let reason: String
        if active.contains(where: \.isInTransition) {
            reason = "tasks are being moved over"
        } else if active.count > 1 {
            reason = "several live patches are applied"
        } else if active[0].description == nil {
            reason = "the live patch isn't ours"
        } else if active[0].description?.effective.isEmpty ?? true {
            reason = "the live patch holds single fixes, not those of a version"
        } else {
            version = active[0].description?.effective
            return
        }
        finding = Finding(
            .kernelAmbiguous, "which version's fixes are in memory can't be told: \(reason)",
            evidence: ["booted": booted, "live patches": active.map(\.name).joined(separator: ", ")])
    }
}
