public import Linux

/// Which processes an operation is meant for.
public enum ProcessSelection: Sendable, Equatable {
    /// Every process that it concerns.
    case all
    /// These, and no others.
    case processes([ProcessID])
    /// Those in a control group, and in the groups below it.
    ///
    /// The path is the one that `/proc/PID/cgroup` shows, or the one under `/sys/fs/cgroup`.
    case controlGroup(String)
    /// Those of a systemd unit, `nginx.service`; the control group of that name, wherever it stands.
    case unit(String)

    /// Whether a process belongs to it; a process that has gone doesn't.
    func contains(_ process: ProcessID, _ reader: inout ProcReader) -> Bool {
        switch self {
        case .all: return true
        case .processes(let named): return named.contains(process)
        case .controlGroup(let path):
            let wanted = ControlGroups.normal(path)
            return ControlGroups.of(process, &reader).contains { $0 == wanted || $0.hasPrefix(wanted + "/") }
        case .unit(let name):
            let wanted = Substring(ControlGroups.unitName(name))
            return ControlGroups.of(process, &reader).contains { $0.split(separator: "/").contains(wanted) }
        }
    }
}

/// The control groups of processes, in every hierarchy, as `/proc/PID/cgroup` names them: cgroups(7).
enum ControlGroups {
    /// The paths, one for each hierarchy; none if the process has gone.
    static func of(_ process: ProcessID, _ reader: inout ProcReader) -> [String] {
        (try? reader.controlGroups(of: process)) ?? []
    }

    /// The systemd unit that a process belongs to: the innermost part of its path that is one.
    static func unit(of process: ProcessID) -> String? {
        var reader = ProcReader()
        for path in of(process, &reader) {
            let parts = path.split(separator: "/")
            if let unit = parts.last(where: { $0.hasSuffix(".service") || $0.hasSuffix(".scope") }) {
                return String(unit)
            }
        }
        return nil
    }

    /// A path as `/proc/PID/cgroup` has it: without mount point and trailing slash.
    static func normal(_ path: String) -> String {
        var parts = path.split(separator: "/").map(String.init)
        if parts.starts(with: ["sys", "fs", "cgroup"]) {
            parts.removeFirst(3)
            // Version 1, and both together, have a directory for each hierarchy.
            let isUnified = (try? FileFacts.of("/sys/fs/cgroup/cgroup.controllers")) != nil
            if !isUnified, !parts.isEmpty { parts.removeFirst() }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// `nginx` means `nginx.service`, as systemctl has it.
    static func unitName(_ name: String) -> String { name.contains(".") ? name : name + ".service" }
}
