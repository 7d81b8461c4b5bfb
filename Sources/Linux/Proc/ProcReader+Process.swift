import CLinux

// What /proc tells about one process, one file per question. All throw ENOENT or ESRCH for a process that
// has gone, see SystemError.isGone.

extension ProcReader {
    /// `/proc/PID/stat`.
    public mutating func stat(of process: ProcessID) throws(SystemError) -> ProcessStat {
        try parse("/proc/\(process)/stat") { ProcessStat(parsing: $0) }
    }

    /// `/proc/PID/status`.
    public mutating func status(of process: ProcessID) throws(SystemError) -> ProcessStatus {
        try parse("/proc/\(process)/status") { ProcessStatus(parsing: $0) }
    }

    /// `/proc/TID/status`, which exists for every thread although `/proc` doesn't list it.
    public mutating func status(of thread: ThreadID) throws(SystemError) -> ProcessStatus {
        try parse("/proc/\(thread)/status") { ProcessStatus(parsing: $0) }
    }

    /// The command name: `/proc/PID/comm`, without its line feed.
    public mutating func name(of process: ProcessID) throws(SystemError) -> String {
        try parse("/proc/\(process)/comm") { text in
            text.text(0..<max(0, text.count - 1))
        }
    }

    /// The name of any thread: `/proc/TID/comm`, which exists for every thread although `/proc` doesn't list it.
    public mutating func name(of thread: ThreadID) throws(SystemError) -> String {
        try parse("/proc/\(thread)/comm") { text in
            text.text(0..<max(0, text.count - 1))
        }
    }

    /// The name of one thread of a process: `/proc/PID/task/TID/comm`.
    public mutating func name(of thread: ThreadID, in process: ProcessID) throws(SystemError) -> String {
        try parse("/proc/\(process)/task/\(thread)/comm") { text in
            text.text(0..<max(0, text.count - 1))
        }
    }

    /// The arguments: `/proc/PID/cmdline`.
    ///
    /// Empty for kernel threads and zombies. The process can overwrite them.
    public mutating func arguments(of process: ProcessID) throws(SystemError) -> [String] {
        try parse("/proc/\(process)/cmdline") { Self.strings(in: $0) }
    }

    /// The environment at the start: `/proc/PID/environ`, as `NAME=value`.
    public mutating func environment(of process: ProcessID) throws(SystemError) -> [String] {
        try parse("/proc/\(process)/environ") { Self.strings(in: $0) }
    }

    /// `/proc/PID/auxv`.
    public mutating func auxiliaryVector(of process: ProcessID) throws(SystemError) -> AuxiliaryVector {
        try parse("/proc/\(process)/auxv") { AuxiliaryVector(parsing: $0) }
    }

    /// The path of the cgroup (version 2, else the first hierarchy listed): `/proc/PID/cgroup`.
    public mutating func controlGroup(of process: ProcessID) throws(SystemError) -> String {
        try parse("/proc/\(process)/cgroup") { Self.controlGroup(in: $0) }
    }

    /// The paths of all its control groups, one for each hierarchy: `/proc/PID/cgroup`.
    public mutating func controlGroups(of process: ProcessID) throws(SystemError) -> [String] {
        try parse("/proc/\(process)/cgroup") { Self.controlGroups(in: $0) }
    }

    static func controlGroups(in text: Span<UInt8>) -> [String]? {
        var found: [String] = []
        let isWhole = forEachControlGroup(in: text) { _, path in
            found.append(text.text(path))
            return true
        }
        return isWhole ? found : nil
    }

    /// Lines are `hierarchy:controllers:path`, and the path may hold colons; version 2 is `0::path`.
    ///
    /// Ends when `body`, which is given the start of the line and the path, answers false; false if a line before that
    /// is malformed.
    private static func forEachControlGroup(
        in text: Span<UInt8>, _ body: (_ line: Int, _ path: Range<Int>) -> Bool
    ) -> Bool {
        var position = 0
        while position < text.count {
            let end = text.firstIndex(of: 0x0a, from: position, text.count)
            let colon = text.firstIndex(of: 0x3a, from: position, end)
            guard colon < end else { return false }
            let second = text.firstIndex(of: 0x3a, from: colon + 1, end)
            guard second < end else { return false }
            if !body(position, second + 1..<end) { return true }
            position = end + 1
        }
        return true
    }

    /// Texts that each end with a zero byte; a last one without it counts too.
    static func strings(in bytes: Span<UInt8>) -> [String] {
        var found: [String] = []
        var position = 0
        while position < bytes.count {
            let end = bytes.firstIndex(of: 0, from: position, bytes.count)
            found.append(bytes.text(position..<end))
            position = end + 1
        }
        return found
    }

    /// The path in version 2, else in the first hierarchy.
    static func controlGroup(in text: Span<UInt8>) -> String? {
        var chosen: Range<Int>?
        let isWhole = forEachControlGroup(in: text) { line, path in
            let isVersion2 = text.hasBytes("0::", at: line, path.upperBound)
            if isVersion2 || chosen == nil { chosen = path }
            return !isVersion2
        }
        return isWhole ? chosen.map { text.text($0) } : nil
    }
}
