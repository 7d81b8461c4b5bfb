import Findings
import KernelImage
import Linux
public import LivePatch

// Putting a live patch into the running kernel, and taking it out.
//
//     check    the kernel is the one; its code is as shipped; no one else redirects the functions; no transition
//     load     the module's start hands the patch to the kernel, which redirects the functions
//     watch    task by task, until all are moved over; the kernel itself wakes sleepers after 15 seconds
//     compare  what the kernel now replaces is what the patch said
//     turn     at the deadline, tasks that were moved over go back, and the module is unloaded
//
// A replacing patch ends with the older ones switched off by the kernel; their modules are then unloaded.

/// Acts on the running kernel.
public struct KernelPatcher: Sendable {
    let folder: LivePatchFolder
    let scan: TransitionScan

    /// Acts on this machine's kernel.
    public init() {
        folder = LivePatchFolder()
        scan = TransitionScan()
    }

    /// What the caller decides.
    public struct Options: Sendable {
        /// How long a transition may take before it is turned back.
        public var deadline: Duration
        /// Whether a transition that doesn't end is declared ended (see ``LivePatchFolder/force(_:)``).
        public var isForced: Bool
        /// Whether patches may be taken out whose fixes the new one doesn't have, other makers' included.
        public var allowsReplace: Bool
        /// Check everything, change nothing.
        public var dryRun: Bool
        /// Told about once a second how far a transition is.
        public var onProgress: (@Sendable (TransitionScan.Progress) -> Void)?

        /// Makes options.
        public init(
            deadline: Duration = .seconds(30), isForced: Bool = false, allowsReplace: Bool = false,
            dryRun: Bool = false, onProgress: (@Sendable (TransitionScan.Progress) -> Void)? = nil
        ) {
            self.deadline = deadline
            self.isForced = isForced
            self.allowsReplace = allowsReplace
            self.dryRun = dryRun
            self.onProgress = onProgress
        }
    }

    /// The live patches of the running kernel, whoever made them.
    public func patches() throws(KernelPatcherError) -> [LoadedPatch] {
        guard folder.isThere else { return [] }
        return try system { () throws(SystemError) in try folder.patches() }
    }

    /// Applies a patch file.
    public func apply(_ file: KernelPatchFile, _ options: Options = Options()) throws(KernelPatcherError)
        -> KernelReport
    {
        let patch = file.patch
        var report = KernelReport(
            options.dryRun ? "plan" : "apply", .applied, name: patch.name, module: patch.module)
        report.functions = patch.functionNames
        let loaded = try patches()
        if let same = loaded.first(where: { $0.module == patch.module }), same.isEnabled, !same.isInTransition {
            guard same.description == nil || same.description == patch.withoutTargets else {
                return report.blocked([
                    Finding(
                        .kernelConflict, "another live patch is applied under the name \(patch.module)",
                        evidence: ["module": patch.module, "applied": same.name],
                        remedy:
                            "Build this one under another name (tsugite build -o NAME.tsp): it then replaces the "
                            + "other; or take that one out first: tsugite undo \(same.name).")
                ])
            }
            report.result = .nothingToDo
            report.reason = "\(patch.name) is applied already"
            return report
        }
        let (proof, findings) = try check(file, loaded, options)
        report.waiting = proof?.absent ?? []
        guard findings.isEmpty, let proof else { return report.blocked(findings) }
        if options.dryRun { return report }
        let start = MonotonicTime.now
        let log = KernelLogMark()
        do throws(SystemError) {
            try KernelModules.load(file.bytes, name: patch.module)
        } catch {
            return report.blocked([Self.loadFinding(error.call, error.errno, patch, log.messages())])
        }
        let wait = Wait(module: patch.module, isEnabling: true, ranges: proof.ranges, limit: options.deadline)
        let end = try watch(wait, from: start, options.onProgress)
        report.seconds = end.seconds
        if !end.isDone {
            guard options.isForced else { return try turnBack(wait, end, report) }
            try system { () throws(SystemError) in try folder.force(patch.module) }
            report.isForced = true
        }
        if let finding = try difference(patch) {
            try system { () throws(SystemError) in try folder.setEnabled(patch.module, false) }
            return report.blocked([finding])
        }
        if patch.replaces { try unloadLeftovers(besides: patch.module, &report) }
        return report
    }

    /// Takes a live patch out of the running kernel.
    public func undo(_ module: String, _ options: Options = Options()) throws(KernelPatcherError) -> KernelReport {
        var report = KernelReport("undo", .applied, name: module, module: module)
        guard let loaded = try system({ () throws(SystemError) in try folder.patch(module) }) else {
            report.result = .nothingToDo
            report.reason = "\(module) isn't applied"
            return report
        }
        report.name = loaded.name
        report.functions = loaded.functions.map { "\($0.object):\($0.name)" }
        let start = MonotonicTime.now
        let symbols = try image { () throws(KernelImageError) in
            try RunningKernel.symbols(LiveSymbols.Selection(names: [], modules: [module]))
        }
        let wait = Wait(
            module: module, isEnabling: false, ranges: Self.ranges(ofModule: module, symbols),
            limit: options.deadline)
        if loaded.isEnabled {
            try system { () throws(SystemError) in try folder.setEnabled(module, false) }
        }
        let end = try watch(wait, from: start, options.onProgress)
        report.seconds = end.seconds
        guard end.isDone else { return try turnBack(wait, end, report) }
        try unload([module], &report)
        return report
    }

    /// The new code of a live patch: what must be left before it can go.
    private static func ranges(ofModule module: String, _ symbols: LiveSymbols) -> [(
        range: Range<UInt64>, name: String
    )] {
        guard let table = symbols.modules[module] else { return [] }
        return table.all.filter(\.isCode).map { symbol in
            (symbol.address..<(symbol.address &+ (table.extent(of: symbol) ?? 1)), symbol.name)
        }
    }

    /// What is to be said when the kernel doesn't take a module.
    /// - Parameter messages: what the kernel said meanwhile.
    static func loadFinding(_ call: String, _ errno: Errno, _ patch: KernelPatch, _ messages: [String]) -> Finding {
        let module = patch.module
        // Lockdown answers EPERM, which may mean anything; what it says is clear.
        let isKey =
            ["EKEYREJECTED", "ENOKEY"].contains(errno.name)
            || messages.contains { $0.contains("unsigned module loading") }
        return Finding(
            errno.name == "EBUSY" ? .kernelBusy : .kernelLoad, "the kernel didn't take \(module): \(errno)",
            evidence: [
                "module": module, "call": call, "errno": errno.name,
                "kernel says": messages.isEmpty ? "nothing" : messages.joined(separator: " | "),
            ],
            remedy: isKey
                ? "Sign the patch with a key that this kernel trusts: tsugite build --kernel ... --sign-key KEY "
                    + "--sign-certificate CERT (docs/kernel.md, Secure Boot)." : nil)
    }
}

extension KernelReport {
    /// The report of a refusal.
    func blocked(_ findings: [Finding]) -> KernelReport {
        var report = self
        report.result = .blocked
        report.findings += findings
        return report
    }
}

extension KernelPatch {
    /// What it replaces, `object:function`.
    public var functionNames: [String] {
        targets.flatMap { target in target.functions.map { "\(target.name):\($0.name)" } }
    }
}
