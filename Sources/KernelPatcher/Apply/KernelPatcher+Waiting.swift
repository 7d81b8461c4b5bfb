import Findings
import KernelImage
import Linux
import LivePatch

extension KernelPatcher {
    /// One transition that is waited for.
    struct Wait {
        let module: String
        let isEnabling: Bool
        /// Code that tasks have to leave.
        let ranges: [(range: Range<UInt64>, name: String)]
        let limit: Duration
    }

    struct End {
        var isDone: Bool
        var seconds: Double
    }

    /// Watches a transition until it ends or the time is up.
    func watch(
        _ wait: Wait, from start: MonotonicTime, _ onProgress: (@Sendable (TransitionScan.Progress) -> Void)?
    ) throws(KernelPatcherError) -> End {
        var pause = Backoff(deadline: start.advanced(by: wait.limit))
        var told = 0.0
        while true {
            let state = try system { () throws(SystemError) in try folder.patch(wait.module) }
            let passed = start.duration(to: .now).seconds
            if wait.isDone(state) { return End(isDone: true, seconds: passed) }
            if wait.isEnabling, state == nil { return End(isDone: false, seconds: passed) }
            if let onProgress, passed - told >= 1 {
                told = passed
                onProgress(
                    try system { () throws(SystemError) in try scan.progress(isEnabling: wait.isEnabling, limit: 3)
                    })
            }
            if !pause.pause() { return End(isDone: false, seconds: passed) }
        }
    }

    /// Turns a transition the other way, and says who held it up.
    func turnBack(_ wait: Wait, _ end: End, _ report: KernelReport) throws(KernelPatcherError) -> KernelReport {
        var report = report
        report.blockers = try blockers(wait)
        try system { () throws(SystemError) in try folder.setEnabled(wait.module, !wait.isEnabling) }
        let back = Wait(
            module: wait.module, isEnabling: !wait.isEnabling, ranges: wait.ranges, limit: .seconds(60))
        let isBack = try watch(back, from: .now, nil).isDone
        if isBack, wait.isEnabling { try unload([wait.module], &report) }
        report.result = isBack ? .deferred : .blocked
        report.findings.append(
            KernelReport.stalled(wait.module, seconds: end.seconds, report.blockers, turnedBack: isBack))
        return report
    }

    /// The tasks that aren't moved over, with the function on their stack that keeps them.
    private func blockers(_ wait: Wait) throws(KernelPatcherError) -> [BlockingTask] {
        let tasks = try system { () throws(SystemError) in try scan.progress(isEnabling: wait.isEnabling).remaining
        }
        let frames = tasks.flatMap(\.stack)
        let selection = LiveSymbols.Selection(
            names: Set(frames.map(\.function)), modules: Set(frames.compactMap(\.module)))
        let symbols = try image { () throws(KernelImageError) in try RunningKernel.symbols(selection) }
        let ranges = PatchedRanges(wait.ranges, symbols: symbols)
        return tasks.map { task in
            var task = task
            task.function = ranges.function(in: task.stack)
            return task
        }
    }

    /// Compares what the kernel says it replaces with what the patch says.
    func difference(_ patch: KernelPatch) throws(KernelPatcherError) -> Finding? {
        guard let loaded = try system({ () throws(SystemError) in try folder.patch(patch.module) }) else {
            return Finding(
                .kernelLoad, "\(patch.module) went away while it was applied", evidence: ["module": patch.module])
        }
        let found = Set(loaded.functions.map { "\($0.object):\($0.name)" })
        let wanted = Set(patch.functionNames)
        guard found != wanted else { return nil }
        return Finding(
            .kernelLoad, "\(patch.module) replaces other functions than its description says; it was switched off",
            evidence: [
                "more": found.subtracting(wanted).sorted().joined(separator: ", "),
                "fewer": wanted.subtracting(found).sorted().joined(separator: ", "),
            ], remedy: "Don't trust this file; build the patch again.")
    }

    /// Unloads our modules that the kernel no longer uses.
    func unloadLeftovers(besides module: String, _ report: inout KernelReport) throws(KernelPatcherError) {
        let active = Set(try patches().map(\.module))
        let loaded = try system { () throws(SystemError) in try Directory.entries(of: "/sys/module") }.map(\.name)
        // Ours have a note; those that were taken over from klp-build have names of their own.
        let leftovers = loaded.filter { name in
            name != module && !active.contains(name)
                && FileFacts.exists("/sys/module/\(name)/notes/\(KernelPatch.noteSection)")
        }
        try unload(leftovers, &report)
    }

    /// Unloads modules; one that is still in use for a moment is tried again, one that stays in use is kept.
    func unload(_ modules: [String], _ report: inout KernelReport) throws(KernelPatcherError) {
        var pause = Backoff(deadline: MonotonicTime.now.advanced(by: .seconds(5)))
        for module in modules {
            while true {
                do throws(SystemError) {
                    try KernelModules.unload(module)
                    report.unloaded.append(module)
                    break
                } catch {
                    if error.isGone { break }
                    if pause.pause() { continue }
                    // The change itself is done, so this is no failure of it.
                    guard error.errno == .tryAgain || error.errno == .busyResource else {
                        throw KernelPatcherError(error.finding)
                    }
                    report.kept = (report.kept ?? []) + [module]
                    break
                }
            }
        }
    }
}

extension KernelPatcher.Wait {
    /// Whether the transition has ended as it was meant.
    fileprivate func isDone(_ state: LoadedPatch?) -> Bool {
        guard let state else { return !isEnabling }
        return state.isEnabled == isEnabling && !state.isInTransition
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
