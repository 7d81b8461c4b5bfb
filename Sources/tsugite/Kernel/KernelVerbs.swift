import Console
import KernelPatcher
import Linux

/// The verbs on the running kernel: what the kernel does, what is kept for the next boot, what is printed.
enum KernelVerbs {
    /// Applies patches one after the other; the first that fails ends it.
    static func apply(
        _ files: [KernelPatchFile], _ options: KernelPatcher.Options, keeps: Bool, _ output: OutputOptions
    ) throws {
        let patcher = KernelPatcher()
        let store = KernelStore()
        var reports: [KernelReport] = []
        for file in files {
            let report = try patcher.apply(file, options)
            reports.append(report)
            guard report.result == .applied || report.result == .nothingToDo else { break }
            if keeps, !options.dryRun { try store.keep(file, bootID: KernelReplay.bootID) }
        }
        if !options.dryRun { try EffectiveFile.update(patcher) }
        try finish(KernelOperation(options.dryRun ? "plan" : "apply", reports), output)
    }

    /// Undoes patches, and forgets them for the next boot.
    static func undo(_ modules: [String], _ options: KernelPatcher.Options, _ output: OutputOptions) throws {
        let patcher = KernelPatcher()
        var reports: [KernelReport] = []
        for module in modules {
            var report = try patcher.undo(module, options)
            if report.result == .applied || report.result == .nothingToDo {
                let wasKept = try KernelStore().drop(module: module)
                if wasKept, report.result == .nothingToDo {
                    report.result = .applied
                    report.reason = "it wasn't applied, only kept for the next boot; now it isn't any more"
                }
            }
            reports.append(report)
        }
        try EffectiveFile.update(patcher)
        try finish(KernelOperation("undo", reports), output)
    }

    /// The modules of kernel patches that a word or a patch file means, applied or only kept for the next boot.
    static func modules(_ word: String) throws -> [String] {
        let applied = try KernelPatcher().find(word).map(\.module)
        let kept = (try? KernelStore().plan().patches) ?? []
        let planned = kept.filter {
            $0.module == word || $0.name == word || word.count >= 8 && $0.file.hasPrefix(word)
        }
        return applied + planned.map(\.module).filter { !applied.contains($0) }
    }

    /// Shows how a transition goes on.
    static func progress(_ output: OutputOptions) -> @Sendable (TransitionScan.Progress) -> Void {
        let isQuiet = output.json
        return { progress in
            guard !isQuiet else { return }
            var text = "waiting for \(progress.left) of \(progress.left + progress.moved) tasks"
            if let first = progress.remaining.first { text += ": \(first.summary)" }
            if Output.isTerminal { Output.line(text) } else { Output.note(text) }
        }
    }

    /// Prints what was done and ends with its status.
    static func finish(_ operation: KernelOperation, _ output: OutputOptions) throws {
        if output.json { Output.json(operation) } else { Output.result(operation.text) }
        if operation.status != .done { throw operation.status.exit }
    }
}
