import Findings

extension DataChange {
    /// What to tell the author if the change stands in the way.
    func refusal(in unit: String) -> BuildError {
        let (code, what): (FindingCode, String) =
            switch kind {
            case .changedReadOnly:
                (.dataChanged, "the content of the constant \(name), which code outside the patch may use")
            case .resized(let from, let to):
                (.dataChanged, "the size of the variable \(name), from \(from) to \(to) bytes")
            case .moved(let writableNow):
                (.dataChanged, "whether \(name) may be written to (now \(writableNow ? "writable" : "read-only"))")
            case .newThreadLocal: (.threadLocalNew, "the set of thread-local variables: \(name) is new")
            case .ambiguous: (.variableAmbiguous, "which variable \(name) is: several static ones have that name")
            case .constructors: (.constructorNew, "what runs at start or exit: \(name)")
            case .newReadOnly, .newWritable, .changedInitialValue, .removed: (.dataChanged, "the variable \(name)")
            }
        return BuildError(
            code, "the fix changes \(what)",
            evidence: ["variable": name, "unit": unit, "change": reportName, "size": "\(size)"])
    }

    /// Whether this change alone stands in the way, used by the patch or not: running processes would
    /// silently lack it.
    var isBlocking: Bool {
        switch kind {
        case .changedReadOnly: !isTakenAlong && runs.isEmpty
        case .resized, .moved, .constructors: true
        default: false
        }
    }

    /// The change in one word, for reports.
    package var reportName: String {
        switch kind {
        case .newReadOnly: "new-read-only"
        case .newWritable: "new-writable"
        case .newThreadLocal: "new-thread-local"
        case .ambiguous: "ambiguous"
        case .changedReadOnly: "changed-read-only"
        case .changedInitialValue: "changed-initial-value"
        case .resized: "resized"
        case .moved: "moved"
        case .removed: "removed"
        case .constructors: "constructors"
        }
    }
}
