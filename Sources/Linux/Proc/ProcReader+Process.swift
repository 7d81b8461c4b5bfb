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

    /// Lines are `hierarchy:controllers:path`, and the path may hold colons; nil if one is malformed.
    static func controlGroups(in text: Span<UInt8>) -> [String]? {
        var found: [String] = []
        var position = 0
        while position < text.count {
            let end = text.firstIndex(of: 0x0a, from: position, text.count)
            let colon = text.firstIndex(of: 0x3a, from: position, end)
            guard colon < end else { return nil }
            let second = text.firstIndex(of: 0x3a, from: colon + 1, end)
            guard second < end else { return nil }
            found.append(text.text(second + 1..<end))
            position = end + 1
        }
        return found
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

    /// Lines are `hierarchy:controllers:path`; version 2 is `0::path`.
    ///
    /// The path may hold colons.
    static func controlGroup(in text: Span<UInt8>) -> String? {
        var first: String?
        var position = 0
        while position < text.count {
            let end = text.firstIndex(of: 0x0a, from: position, text.count)
            let colon = text.firstIndex(of: 0x3a, from: position, end)
            guard colon < end else { return nil }
            let second = text.firstIndex(of: 0x3a, from: colon + 1, end)
            guard second < end else { return nil }
            if text.hasBytes("0::", at: position, end) { return text.text(second + 1..<end) }
            if first == nil { first = text.text(second + 1..<end) }
            position = end + 1
        }
        return first
    }
}
