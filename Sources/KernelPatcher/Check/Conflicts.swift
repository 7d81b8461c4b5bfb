public import LivePatch

/// What else changes the kernel's functions, from the texts of tracefs and debugfs.
public struct Conflicts: Sendable, Equatable {
    /// Functions with an owner that redirects them (`I`) or calls a trampoline of its own (`D`, BPF).
    public var redirected: [String: String]
    /// Functions with a probe in them.
    public var probed: Set<String>

    /// Parses `enabled_functions` of tracefs and `kprobes/list` of debugfs.
    ///
    ///     schedule (1) R I     tramp: 0xffffffffc0568000 (klp_ftrace_handler+0x0/0x240) ->...
    ///     ffffffff810b1a30  k  do_exit+0x5    [FTRACE]
    public init(enabledFunctions: String, probes: String) {
        var redirected: [String: String] = [:]
        for line in enabledFunctions.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count >= 2, words[1].hasPrefix("(") else { continue }
            let marks = words.dropFirst(2).prefix { $0.count == 1 }
            guard marks.contains("I") || marks.contains("D") else { continue }
            redirected[String(words[0])] = String(line.drop { $0 != ")" }.dropFirst())
        }
        self.redirected = redirected
        probed = Set(
            probes.split(separator: "\n").compactMap { line in
                let words = line.split { $0 == " " || $0 == "\t" }
                guard words.count >= 3 else { return nil }
                return String(words[2].prefix { $0 != "+" })
            })
    }

    /// Who stands in the way of replacing a function; `nil` if no one.
    ///
    /// Other live patches aren't in the way: they are stacked, or replaced.
    public func owner(of function: ReplacedKernelCode) -> String? {
        if let owner = redirected[function.name], !owner.contains("klp_ftrace_handler") {
            return "redirected:\(owner)"
        }
        // A probe would go on watching the old code, and see nothing any more.
        return probed.contains(function.name) ? "a kprobe" : nil
    }
}
