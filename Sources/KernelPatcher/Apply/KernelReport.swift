public import Findings

/// How an action on the running kernel ended, with everything that is to be said about it.
public struct KernelReport: Sendable, Equatable, Codable {
    /// The outcome, in the words of every verb.
    public enum Result: String, Sendable, Codable {
        /// Every task uses what was asked for: the new code, or after undo the old one.
        case applied
        /// It was so before.
        case nothingToDo = "nothing-to-do"
        /// Tasks stayed in the old code until the deadline; all were turned back.
        case deferred
        /// Refused before anything was changed, or not able to turn back either; the findings say which.
        case blocked
    }

    /// Names this form of report.
    public var schema = "tsugite.kernel/1"
    /// `apply`, `undo`, `plan` or `replay`.
    public var operation: String
    /// The outcome.
    public var result: Result
    /// The patch's name for people.
    public var name: String
    /// The live patch's module.
    public var module: String
    /// What it replaces, `object:function`.
    public var functions: [String] = []
    /// Seconds from the module's start to the end of the transition; 0 if there was none.
    public var seconds = 0.0
    /// Tasks that held the transition up at the last look, if it didn't end.
    public var blockers: [BlockingTask] = []
    /// Modules of live patches that were unloaded.
    public var unloaded: [String] = []
    /// Those that stay: after a forced transition the kernel never lets go of what was replaced.
    ///
    /// Nil if there are none, as in the reports of older versions, which are kept on disk.
    public var kept: [String]?
    /// Modules that the patch changes and that aren't loaded; they are patched when they come.
    public var waiting: [String] = []
    /// Whether tasks were declared moved over that weren't.
    public var isForced = false
    /// Reasons, each with its remedy.
    public var findings: [Finding] = []
    /// Why there was nothing to do.
    public var reason: String?

    /// Makes a report.
    public init(_ operation: String, _ result: Result, name: String, module: String) {
        self.operation = operation
        self.result = result
        self.name = name
        self.module = module
    }

    /// The finding of a transition that didn't end in time.
    static func stalled(_ module: String, seconds: Double, _ blockers: [BlockingTask], turnedBack: Bool) -> Finding
    {
        var finding = Finding(
            .kernelStalled,
            "\(blockers.count) task\(blockers.count == 1 ? "" : "s") kept using code that \(module) changes; "
                + (turnedBack
                    ? "all tasks were turned back, nothing is changed" : "and turning back hasn't ended either"),
            evidence: ["module": module, "seconds": "\(seconds.rounded())"],
            remedy: blockers.first?.remedy ?? FindingCode.kernelStalled.entry.remedy)
        for task in blockers.prefix(8) { finding.evidence.append(Finding.Evidence("blocked by", task.summary)) }
        return finding
    }
}
