import ELF
import Findings
import KernelImage
import Linux
import LivePatch

// Applying the stored set again at boot, and not applying one that kills the machine.
//
// Before the set is applied, the plan says so ("trying", with the boot's id), on disk. What follows tells:
//
//     ten minutes of life, or an orderly shutdown           the set is confirmed
//     another boot finds "trying", and the log that the
//       firmware kept has our code in an error's trace      suspended at once
//     the same without such a log                           a power cut, or not: tried once more, then suspended
//
// A suspended set stays in the store, and `status` says why it isn't applied.

/// Applies the stored set.
public struct KernelReplay: Sendable {
    private let store: KernelStore
    private let patcher: KernelPatcher

    /// Boots that may end without a word before the set is suspended.
    static let toleratedLosses = 1

    /// Uses the machine's own store and kernel.
    public init(store: KernelStore = KernelStore(), patcher: KernelPatcher = KernelPatcher()) {
        self.store = store
        self.patcher = patcher
    }

    /// This boot's own number.
    public static var bootID: String { (try? SmallFile.text("/proc/sys/kernel/random/boot_id")) ?? "" }

    /// Applies the patches of the plan that are for the running kernel.
    public func run(_ options: KernelPatcher.Options = .init()) throws(KernelPatcherError) -> [KernelReport] {
        var plan = try store.plan()
        guard !plan.patches.isEmpty else { return [] }
        let running = try image { () throws(KernelImageError) in try RunningKernel() }
        let mine = plan.patches.filter { $0.buildID == running.buildID.description }
        guard !mine.isEmpty else { return plan.patches.map { Self.otherKernel($0, running.release) } }
        let verdict = Self.judge(plan, bootID: Self.bootID, past: KernelLog.pastOopses())
        plan.trust = verdict.trust
        plan.lostBoots = verdict.lostBoots
        plan.reason = verdict.reason
        if verdict.trust == .suspended {
            try store.write(plan)
            return mine.map { Self.suspended($0, plan) }
        }
        plan.bootID = Self.bootID
        try store.write(plan)
        var reports: [KernelReport] = []
        for planned in mine {
            var report = try patcher.apply(try store.file(planned), options)
            report.operation = "replay"
            reports.append(report)
        }
        return reports
    }

    /// Says that the machine lives on with what was applied in this boot.
    public func confirm() throws(KernelPatcherError) -> Bool {
        var plan = try store.plan()
        guard plan.trust == .trying, plan.bootID == Self.bootID else { return false }
        plan.trust = .confirmed
        plan.lostBoots = 0
        try store.write(plan)
        return true
    }

    /// What the end of earlier boots says about the plan.
    static func judge(_ plan: KernelPlan, bootID: String, past: [KernelOops]) -> (
        trust: KernelPlan.Trust, lostBoots: Int, reason: String
    ) {
        switch plan.trust {
        case .suspended: return (.suspended, plan.lostBoots, plan.reason)
        case .trying where plan.bootID == bootID: return (.trying, plan.lostBoots, "")
        case .confirmed: return (.trying, 0, "")
        case .trying:
            let modules = Set(plan.patches.map(\.module))
            if let oops = past.last(where: { !modules.isDisjoint(with: $0.modules) }) {
                let place = oops.frames.first.map { " in \($0)" } ?? ""
                return (.suspended, plan.lostBoots + 1, "the kernel died\(place): \(oops.what)")
            }
            let lost = plan.lostBoots + 1
            return lost > toleratedLosses
                ? (.suspended, lost, "\(lost) boots in a row ended without a word after it was applied")
                : (.trying, lost, "")
        }
    }

    private static func suspended(_ planned: PlannedPatch, _ plan: KernelPlan) -> KernelReport {
        var report = KernelReport("replay", .blocked, name: planned.name, module: planned.module)
        report.findings = [planned.suspended(plan)]
        return report
    }

    private static func otherKernel(_ planned: PlannedPatch, _ release: String) -> KernelReport {
        var report = KernelReport("replay", .nothingToDo, name: planned.name, module: planned.module)
        report.reason = "\(planned.name) is for \(planned.release), and \(release) runs"
        return report
    }
}
