import ArgumentParser
import Linux
import ProcessPatcher

/// Which processes a verb is meant for.
struct ProcessOptions: ParsableArguments {
    @Option(name: .long, parsing: .upToNextOption, help: "Only these processes.")
    var pid: [Int32] = []

    @Flag(name: .long, help: "Every process that it concerns; so without --pid, too.")
    var all = false

    func validate() throws {
        if all && !pid.isEmpty { throw ValidationError("Give either --pid or --all.") }
        if let bad = pid.first(where: { $0 <= 0 }) { throw ValidationError("\(bad) is no process id.") }
    }

    var selection: ProcessSelection { pid.isEmpty ? .all : .processes(pid.map { ProcessID($0) }) }
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
