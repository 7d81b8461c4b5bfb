public import Findings

/// How an action on the running kernel ended.
public enum KernelOutcome: Sendable, Equatable {
    /// Every task uses the new code.
    case applied(KernelReport)
    /// Every task uses the old code again, and the module is gone.
    case undone(KernelReport)
    /// There was nothing to do, for that reason.
    case nothingToDo(String)
    /// Nothing was changed, for these reasons.
    case refused([Finding])
    /// The deadline passed; the transition was turned back, or left under way if that didn't end either.
    case stalled(KernelReport, wasReversed: Bool)
}

/// What an action found and did.
public struct KernelReport: Sendable, Equatable {
    /// The live patch's module.
    public var module: String
    /// Seconds from the module's start to the end of the transition.
    public var seconds: Double
    /// Tasks that held it up longest, at the last look.
    public var blockers: [BlockingTask]
    /// Modules of older live patches that were unloaded.
    public var unloaded: [String]
    /// Modules that the patch changes and that aren't loaded; they are patched when they come.
    public var waiting: [String]

    /// Makes a report.
    public init(
        module: String, seconds: Double = 0, blockers: [BlockingTask] = [], unloaded: [String] = [],
        waiting: [String] = []
    ) {
        self.module = module
        self.seconds = seconds
        self.blockers = blockers
        self.unloaded = unloaded
        self.waiting = waiting
    }

    /// The finding of a transition that didn't end.
    public var stalled: Finding {
        var finding = Finding(
            .kernelStalled, "\(blockers.count) tasks kept using the old code of \(module)",
            evidence: ["module": module, "seconds": "\(seconds)"])
        for task in blockers.prefix(8) { finding.evidence.append(Finding.Evidence("blocked by", task.summary)) }
        return finding
    }
}
