import Findings
import KernelImage
import Linux
import LivePatch

// Putting a live patch into the running kernel, and taking it out.
//
//     check    the kernel is the one; its code is as shipped; no one else redirects the functions; no transition
//     load     the module's start hands the patch to the kernel, which redirects the functions
//     watch    task by task, until all are moved over; the kernel itself wakes sleepers after 15 seconds
//     turn     at the deadline, tasks that were moved over go back, and the module is unloaded
//
// A replacing patch ends with the older ones switched off by the kernel; their modules are then unloaded.

/// Acts on the running kernel.
public struct KernelPatcher: Sendable {
    private let folder: LivePatchFolder
    private let scan: TransitionScan

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

        /// Makes options.
        public init(deadline: Duration = .seconds(60), isForced: Bool = false) {
            self.deadline = deadline
            self.isForced = isForced
        }
    }

    /// The live patches of the running kernel.
    public func patches() throws(KernelPatcherError) -> [LoadedPatch] {
        guard folder.isThere else { return [] }
        return try system { () throws(SystemError) in try folder.patches() }
    }

    /// Applies a patch file.
    public func apply(_ file: KernelPatchFile, _ options: Options = Options()) throws(KernelPatcherError)
        -> KernelOutcome
    {
        let patch = file.patch
        if let loaded = try patches().first(where: { $0.module == patch.module }), loaded.isEnabled {
            return .nothingToDo("\(patch.module) is applied already")
        }
        let (proof, findings) = try check(patch)
        guard findings.isEmpty, let proof else { return .refused(findings) }
        let start = MonotonicTime.now
        do throws(SystemError) {
            try KernelModules.load(file.bytes, name: patch.module)
        } catch {
            return .refused([Self.loadFinding(error, patch)])
        }
        let symbols = try image { () throws(KernelImageError) in try RunningKernel.symbols() }
        let ranges = PatchedRanges(proof.ranges, symbols: symbols)
        let ended = try watch(patch.module, isEnabling: true, ranges, from: start, options.deadline)
        var report = KernelReport(
            module: patch.module, seconds: ended.seconds, blockers: ended.blockers, waiting: proof.absent)
        if ended.isDone {
            if patch.replaces { report.unloaded = try unloadLeftovers(besides: patch.module) }
            return .applied(report)
        }
        if options.isForced {
            try system { () throws(SystemError) in try folder.force(patch.module) }
            return .applied(report)
        }
        let isBack = try takeBack(patch.module, ranges)
        return .stalled(report, wasReversed: isBack)
    }

    /// Takes a live patch out of the running kernel.
    public func undo(_ module: String, _ options: Options = Options()) throws(KernelPatcherError) -> KernelOutcome {
        guard let loaded = try system({ () throws(SystemError) in try folder.patch(module) }) else {
            return .nothingToDo("\(module) isn't applied")
        }
        let start = MonotonicTime.now
        let symbols = try image { () throws(KernelImageError) in try RunningKernel.symbols() }
        let ranges = PatchedRanges(Self.ranges(ofModule: module, symbols), symbols: symbols)
        if loaded.isEnabled {
            try system { () throws(SystemError) in try folder.setEnabled(module, false) }
        }
        let ended = try watch(module, isEnabling: false, ranges, from: start, options.deadline)
        var report = KernelReport(module: module, seconds: ended.seconds, blockers: ended.blockers)
        guard ended.isDone else {
            try system { () throws(SystemError) in try folder.setEnabled(module, true) }
            return .stalled(report, wasReversed: try waitUntilCalm(module))
        }
        report.unloaded = try unload([module])
        return .undone(report)
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

    private static func loadFinding(_ error: SystemError, _ patch: KernelPatch) -> Finding {
        let code: FindingCode = error.errno.name == "EBUSY" ? .kernelBusy : .kernelLoad
        return Finding(
            code, "the kernel didn't take \(patch.module): \(error.errno)",
            evidence: ["module": patch.module, "call": error.call, "errno": error.errno.name])
    }
}

// MARK: - waiting

extension KernelPatcher {
    private struct End {
        var isDone: Bool
        var seconds: Double
        var blockers: [BlockingTask] = []
    }

    /// Watches a transition until it ends or the time is up; the tasks are described only if it takes long.
    private func watch(
        _ module: String, isEnabling: Bool, _ ranges: PatchedRanges, from start: MonotonicTime, _ limit: Duration
    ) throws(KernelPatcherError) -> End {
        let deadline = start.advanced(by: limit)
        var pause = Backoff(deadline: deadline)
        while true {
            let state = try system { () throws(SystemError) in try folder.patch(module) }
            let isDone =
                isEnabling
                ? state.map { !$0.isInTransition } ?? false
                : state.map { !$0.isEnabled && !$0.isInTransition } ?? true
            let passed = start.duration(to: .now)
            if isDone { return End(isDone: true, seconds: passed.seconds) }
            if isEnabling, state == nil { return End(isDone: false, seconds: passed.seconds) }
            guard pause.pause() else {
                let progress = try system { () throws(SystemError) in
                    try scan.progress(isEnabling: isEnabling, ranges: ranges)
                }
                return End(isDone: false, seconds: passed.seconds, blockers: progress.remaining)
            }
        }
    }

    /// Turns a transition back and unloads the module.
    private func takeBack(_ module: String, _ ranges: PatchedRanges) throws(KernelPatcherError) -> Bool {
        try system { () throws(SystemError) in try folder.setEnabled(module, false) }
        let end = try watch(module, isEnabling: false, ranges, from: .now, .seconds(60))
        guard end.isDone else { return false }
        return try !unload([module]).isEmpty
    }

    private func waitUntilCalm(_ module: String) throws(KernelPatcherError) -> Bool {
        var pause = Backoff(deadline: MonotonicTime.now.advanced(by: .seconds(60)))
        while true {
            let state = try system { () throws(SystemError) in try folder.patch(module) }
            if state?.isInTransition != true { return state?.isEnabled == true }
            if !pause.pause() { return false }
        }
    }

    /// Unloads modules of live patches that the kernel no longer uses.
    private func unloadLeftovers(besides module: String) throws(KernelPatcherError) -> [String] {
        let active = Set(try patches().map(\.module))
        let loaded = try system { () throws(SystemError) in try Directory.entries(of: "/sys/module") }.map(\.name)
        let mine = loaded.filter { $0.hasPrefix("tsugite_") && $0 != module && !active.contains($0) }
        return try unload(mine)
    }

    /// Unloads modules; one that is still in use for a moment is tried again.
    private func unload(_ modules: [String]) throws(KernelPatcherError) -> [String] {
        var done: [String] = []
        for module in modules {
            var pause = Backoff(deadline: MonotonicTime.now.advanced(by: .seconds(5)))
            while true {
                do throws(SystemError) {
                    try KernelModules.unload(module)
                    done.append(module)
                    break
                } catch {
                    if error.isGone { break }
                    if !pause.pause() { throw KernelPatcherError(error.finding) }
                }
            }
        }
        return done
    }
}

extension Duration {
    fileprivate var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
