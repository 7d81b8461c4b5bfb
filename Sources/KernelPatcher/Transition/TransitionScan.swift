public import Linux

/// Looks at all tasks during a transition.
public struct TransitionScan: Sendable {
    private let proc: String

    /// Takes another folder for tests.
    public init(proc: String = "/proc") { self.proc = proc }

    /// How far a transition is.
    public struct Progress: Sendable, Equatable, Codable {
        /// Tasks that are moved over.
        public var moved: Int
        /// Tasks that aren't.
        public var left: Int
        /// The first of those.
        public var remaining: [BlockingTask]
    }

    /// Counts tasks and describes those that aren't moved over.
    /// - Parameters:
    ///   - isEnabling: whether tasks go from the old code to the new one; else back.
    ///   - limit: the most tasks that are described.
    public func progress(isEnabling: Bool, limit: Int = 64) throws(SystemError) -> Progress {
        var progress = Progress(moved: 0, left: 0, remaining: [])
        for process in try numbers(proc) {
            guard let threads = try? numbers("\(proc)/\(process)/task") else { continue }
            for thread in threads {
                let folder = "\(proc)/\(process)/task/\(thread)"
                guard let state = try? SmallFile.text(folder + "/patch_state") else { continue }
                switch (state, isEnabling) {
                case ("0", true), ("1", false):
                    progress.left += 1
                    if progress.remaining.count < limit {
                        progress.remaining.append(task(process, thread, folder))
                    }
                case ("0", false), ("1", true): progress.moved += 1
                // -1: no transition, or the task is new.
                default: break
                }
            }
        }
        return progress
    }

    private func task(_ process: Int32, _ thread: Int32, _ folder: String) -> BlockingTask {
        func text(_ name: String) -> String { (try? SmallFile.text("\(folder)/\(name)")) ?? "" }
        let waits = text("wchan")
        // Behind the command's name, which may itself hold anything.
        let stat = text("stat")
        let rest = stat.lastIndex(of: ")").map { stat[$0...].split(separator: " ") } ?? []
        let flags = rest.count > 7 ? UInt32(rest[7]) ?? 0 : 0
        return BlockingTask(
            process: process, thread: thread, command: text("comm"), waitsIn: waits == "0" ? "" : waits,
            stack: StackFrame.trace(text("stack")), state: rest.count > 1 ? String(rest[1]) : "",
            unit: Self.unit(text("cgroup")), isKernelThread: flags & Self.kernelThreadFlag != 0)
    }

    /// PF_KTHREAD (include/linux/sched.h).
    private static let kernelThreadFlag: UInt32 = 0x0020_0000

    /// The innermost unit of a path such as `0::/system.slice/nginx.service`.
    static func unit(_ cgroup: String) -> String? {
        for line in cgroup.split(separator: "\n") {
            let parts = line.split(separator: "/").dropFirst()
            if let unit = parts.last(where: { $0.hasSuffix(".service") || $0.hasSuffix(".scope") }) {
                return String(unit)
            }
        }
        return nil
    }

    private func numbers(_ path: String) throws(SystemError) -> [Int32] {
        var directory = try NumberedDirectory(path)
        var found: [Int32] = []
        try directory.forEach { found.append($0) }
        return found.sorted()
    }
}
