import Findings
import Linux

/// Programs that are never changed, whatever is asked for: the machine's own rule.
///
/// A text of lines, `#` begins a comment:
///
///     name postgres           the command name, as ps(1) shows it
///     exe /usr/bin/qemu-system-x86_64
///     unit critical.service
///     cgroup /machine.slice
///
/// The first process of the machine is on it by nature, unless it is asked for by number or with a flag.
public struct NeverList: Sendable, Equatable {
    /// One line.
    enum Rule: Sendable, Equatable {
        case name(String)
        case executable(String)
        case group(ProcessSelection)
    }

    let rules: [Rule]

    /// Forbids nothing.
    public static let empty = NeverList(rules: [])

    private init(rules: [Rule]) { self.rules = rules }

    /// Reads a list; the line number of the first line that makes no sense if there is one.
    public static func parse(_ text: String) -> (list: NeverList, badLine: Int?) {
        var rules: [Rule] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.prefix { $0 != "#" }.split(maxSplits: 1) { $0 == " " || $0 == "\t" }
            guard let kind = words.first else { continue }
            let trimmed = words.count == 2 ? words[1].reversed().drop { $0 == " " || $0 == "\t" } : []
            let value = String(trimmed.reversed())
            guard !value.isEmpty else { return (NeverList(rules: rules), number + 1) }
            switch kind {
            case "name": rules.append(.name(value))
            case "exe": rules.append(.executable(value))
            case "unit": rules.append(.group(.unit(value)))
            case "cgroup": rules.append(.group(.controlGroup(value)))
            default: return (NeverList(rules: rules), number + 1)
            }
        }
        return (NeverList(rules: rules), nil)
    }

    /// The rule that forbids a process, in words; nil if none does.
    func reason(_ process: ProcessID, _ reader: inout ProcReader) -> String? {
        for rule in rules {
            switch rule {
            case .name(let name): if (try? reader.name(of: process)) == name { return "name \(name)" }
            case .executable(let path):
                if (try? ProcessFiles.executablePath(of: process)) == path { return "exe \(path)" }
            case .group(let group):
                guard group.contains(process, &reader) else { continue }
                if case .unit(let unit) = group { return "unit \(unit)" }
                if case .controlGroup(let path) = group { return "cgroup \(path)" }
            }
        }
        return nil
    }
}

/// Who of the found processes may be changed, by the machine's rules.
struct Admission {
    let never: NeverList
    /// Whether the machine's first process may be changed.
    let includesInit: Bool

    /// The outcome for a process that may not be changed; nil if it may.
    func refusal(_ process: ProcessID) -> ProcessOutcome? {
        var reader = ProcReader()
        if process.rawValue == 1, !includesInit {
            return outcome(
                process, &reader,
                Finding(
                    .processInit, "process 1 holds up the whole machine, and wasn't asked for",
                    evidence: ["pid": "1"]))
        }
        guard let rule = never.reason(process, &reader) else { return nil }
        return outcome(
            process, &reader,
            Finding(
                .processNever, "process \(process) is on the list of those that are never changed",
                evidence: ["pid": "\(process)", "rule": rule]))
    }

    private func outcome(_ process: ProcessID, _ reader: inout ProcReader, _ finding: Finding) -> ProcessOutcome {
        ProcessOutcome(process, (try? reader.name(of: process)) ?? "", .blocked, finding: finding)
    }
}
