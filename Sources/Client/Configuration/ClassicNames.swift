/// Words of the classic commands (`ksplice`, `uptrack-*`) as words of ours; the symlinks of those names lead here.
public enum ClassicNames {
    /// All names under which this command may be called.
    public static let all = [
        "ksplice", "uptrack-show", "uptrack-upgrade", "uptrack-install", "uptrack-remove", "uptrack-uname",
    ]

    /// What a classic command line means.
    public enum Meaning: Sendable, Equatable {
        /// The same in our words.
        case words([String])
        /// It makes no sense, or has no counterpart; why.
        case refused(String)
    }

    /// Translates; nil if the program's name isn't a classic one.
    public static func translate(_ program: String, _ arguments: [String]) -> Meaning? {
        guard all.contains(program) else { return nil }
        if arguments.contains("-V") || arguments.contains("--version") { return .words(["--version"]) }
        if program == "uptrack-uname" { return .words(["uname"] + arguments) }
        let (words, yes) = common(arguments)
        if program == "ksplice" { return ksplice(words, yes) }
        let verb = String(program.dropFirst("uptrack-".count))
        return uptrack(verb, words, yes)
    }

    /// Takes out what has no effect here, and counts -n and -y, which cancel each other.
    private static func common(_ arguments: [String]) -> (words: [String], confirm: [String]) {
        var words: [String] = []
        var skipsNext = false
        for word in arguments {
            if skipsNext {
                skipsNext = false
            } else if word == "--wait" {
                // Seconds between two updates: ours go in together.
                skipsNext = true
            } else if !["-q", "-v", "--quiet", "--verbose", "-n", "-y", "--dry-run", "--yes"].contains(word),
                !word.hasPrefix("--wait=")
            {
                words.append(word)
            }
        }
        let no = arguments.contains("-n") || arguments.contains("--dry-run")
        let yes = arguments.contains("-y") || arguments.contains("--yes")
        return (words, no == yes ? [] : no ? ["-n"] : ["-y"])
    }

    private static func uptrack(_ verb: String, _ words: [String], _ confirm: [String]) -> Meaning {
        let isAll = words.contains("--all")
        let ids = words.filter { !$0.hasPrefix("-") }
        if let unknown = words.first(where: {
            $0.hasPrefix("-") && !["--all", "--available", "--count"].contains($0)
        }) {
            return .refused("\(unknown) isn't known here; see tsugite help \(verb)")
        }
        if isAll && !ids.isEmpty { return .refused("--all and ids don't go together") }
        switch verb {
        case "show": return .words(["show"] + words.filter { ["--available", "--count"].contains($0) })
        case "upgrade":
            return ids.isEmpty ? .words(["upgrade", "all"] + confirm) : .refused("upgrade takes no ids")
        case "install":
            if isAll { return .words(["upgrade", "all"] + confirm) }
            return ids.isEmpty ? .refused("give ids, or --all") : .words(["install"] + ids + confirm)
        default:
            if isAll { return .words(["remove", "--all"] + confirm) }
            return ids.isEmpty ? .refused("give ids, or --all") : .words(["remove"] + ids + confirm)
        }
    }

    private static func ksplice(_ words: [String], _ confirm: [String]) -> Meaning {
        var rest = words
        guard let scope = rest.first, ["kernel", "user", "all"].contains(scope) else {
            return .refused("say kernel, user or all first: ksplice user show")
        }
        rest.removeFirst()
        guard let verb = rest.first else { return .refused("say what to do: show, upgrade, remove, list-targets") }
        rest.removeFirst()
        // --pid=N is one word there.
        rest = rest.flatMap { $0.hasPrefix("--pid=") ? ["--pid", String($0.dropFirst(6))] : [$0] }
        switch verb {
        case "list-targets", "show": return .words([verb] + rest)
        case "upgrade": return .words(["upgrade", scope] + rest + confirm)
        case "uname": return .words(["uname"] + rest)
        case "apply": return .words(["apply"] + rest)
        case "undo": return .words(["undo"] + rest)
        case "remove":
            guard !rest.contains("--pid") else {
                return .refused("for one process: tsugite undo ID --pid N, with ids from tsugite status")
            }
            return .words(["remove"] + rest + confirm)
        default: return .refused("\(verb) isn't known here; see tsugite --help")
        }
    }
}
