import ArgumentParser
import Findings
import Linux
import ProcessPatcher

/// Which processes a verb is meant for.
struct ProcessOptions: ParsableArguments {
    @Option(name: .long, parsing: .upToNextOption, help: "Only these processes.")
    var pid: [Int32] = []

    @Option(name: .long, help: "Only the processes of a control group, and of those below it.")
    var cgroup: String?

    @Option(name: .long, help: "Only the processes of a systemd unit.")
    var unit: String?

    @Flag(name: .long, help: "Every process that it concerns; so without any choice, too.")
    var all = false

    func validate() throws {
        let choices = [all, !pid.isEmpty, cgroup != nil, unit != nil].count { $0 }
        if choices > 1 { throw ValidationError("Give only one of --pid, --cgroup, --unit and --all.") }
        if let bad = pid.first(where: { $0 <= 0 }) { throw ValidationError("\(bad) is no process id.") }
    }

    var selection: ProcessSelection {
        if let cgroup { return .controlGroup(cgroup) }
        if let unit { return .unit(unit) }
        return pid.isEmpty ? .all : .processes(pid.map { ProcessID($0) })
    }
}

/// Programs that are never changed.
struct NeverOptions: ParsableArguments {
    /// The machine's own rule, if there is one.
    static let path = "/etc/tsugite/never"

    @Option(name: .long, help: "A list of programs that are never changed, instead of \(NeverOptions.path).")
    var never: String?

    @Flag(name: .long, help: "The machine's first process, too.")
    var `init` = false

    /// Reads the list; none is fine unless it was named.
    func list() throws -> NeverList {
        let path = never ?? Self.path
        if never == nil, (try? FileFacts.of(path)) == nil { return .empty }
        let (list, bad) = NeverList.parse(try FileSystem.readText(path, limit: 1 << 20))
        if let bad { throw NeverListError(path: path, line: bad) }
        return list
    }
}

/// A list of programs that are never changed has a line that makes no sense: then nothing is changed.
struct NeverListError: DiagnosableError {
    let path: String
    let line: Int

    var finding: Finding {
        Finding(.neverList, "\(path), line \(line) makes no sense", evidence: ["path": path, "line": "\(line)"])
    }
}

/// How several processes are changed.
struct GroupOptions: ParsableArguments {
    @Flag(name: .long, help: "All selected processes in one step, or none of them.")
    var allOrNothing = false

    @Flag(name: .long, help: "Follow busy threads until they have left the function.")
    var atReturn = false
}

/// How long a busy process is tried again.
struct WaitOptions: ParsableArguments {
    @Option(name: .long, help: "How long to try again while a thread is in the way: 500ms, 30s, 5m, 0.")
    var wait = WaitTime(duration: .seconds(30))
}

/// A time on the command line: a number with `ms`, `s`, `m` or `h`; seconds if without.
struct WaitTime: ExpressibleByArgument, CustomStringConvertible {
    let duration: Duration

    init(duration: Duration) { self.duration = duration }

    init?(argument: String) {
        let units: [(String, Int64)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("", 1000)]
        for (unit, milliseconds) in units where argument.hasSuffix(unit) {
            guard let number = Int64(argument.dropLast(unit.count)), number >= 0, number <= 1_000_000 else {
                continue
            }
            duration = .milliseconds(number * milliseconds)
            return
        }
        return nil
    }

    var description: String { "\(duration.components.seconds)s" }
}
