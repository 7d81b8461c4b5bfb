public import Linux

/// Looks at all tasks during a transition.
public struct TransitionScan: Sendable {
    private let proc: String

    /// Takes another folder for tests.
    public init(proc: String = "/proc") { self.proc = proc }

    /// How far a transition is.
    public struct Progress: Sendable, Equatable {
        /// Tasks that are moved over.
        public var moved: Int
        /// Tasks that aren't.
        public var remaining: [BlockingTask]
    }

    /// Counts tasks and describes those that aren't moved over.
    /// - Parameters:
    ///   - isEnabling: whether tasks go from the old code to the new one; else back.
    ///   - limit: the most tasks that are described.
    public func progress(isEnabling: Bool, ranges: PatchedRanges?, limit: Int = 64) throws(SystemError) -> Progress
    {
        var progress = Progress(moved: 0, remaining: [])
        for process in try numbers(proc) {
            guard let threads = try? numbers("\(proc)/\(process)/task") else { continue }
            for thread in threads {
                let folder = "\(proc)/\(process)/task/\(thread)"
                guard let state = try? SmallFile.text(folder + "/patch_state") else { continue }
                switch (state, isEnabling) {
                case ("0", true), ("1", false):
                    if progress.remaining.count < limit {
                        progress.remaining.append(task(process, thread, folder, ranges))
                    }
                case ("0", false), ("1", true): progress.moved += 1
                // -1: no transition, or the task is new.
                default: break
                }
            }
        }
        return progress
    }

    private func task(_ process: Int32, _ thread: Int32, _ folder: String, _ ranges: PatchedRanges?) -> BlockingTask
    {
        let waits = (try? SmallFile.text(folder + "/wchan")) ?? ""
        let stack = StackFrame.trace((try? SmallFile.text(folder + "/stack")) ?? "")
        return BlockingTask(
            process: process, thread: thread, command: (try? SmallFile.text(folder + "/comm")) ?? "",
            waitsIn: waits == "0" ? "" : waits, stack: stack, function: ranges?.function(in: stack))
    }

    private func numbers(_ path: String) throws(SystemError) -> [Int32] {
        var directory = try NumberedDirectory(path)
        var found: [Int32] = []
        try directory.forEach { found.append($0) }
        return found.sorted()
    }
}
