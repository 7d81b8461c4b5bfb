import ArgumentParser
import Channel
import ChannelHTTP
import Console
import Findings

/// Copies of channels.
struct MirrorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mirror", abstract: "Keep a copy of a channel that can be served like the original.",
        subcommands: [Sync.self, Status.self, Prune.self, MirrorSchedule.self, MirrorImport.self])

    /// Brings a mirror in step.
    struct Sync: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring a mirror in step with its channel.",
            discussion: """
                The first run needs --trusted-root.

                EXIT STATUS
                  0 in step    11 some files failed, the rest is served    14 no network    15 not trusted
                  13 refused, for want of room or rights    64 wrong usage
                """)
        @Argument(help: "Folder of the mirror.") var folder: String
        @Option(help: "Address of the channel: metadata/ and targets/ lie below it.") var from: String
        @Option(help: "The root metadata to start from, got by a trusted way.") var trustedRoot: String?
        @Option(help: "Files fetched at the same time.") var parallel = 4
        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("Only these: kernel/RELEASE, user/PACKAGE, zone/BASE.", valueName: "family"))
        var only: [String] = []
        @Flag(help: "Metadata only; files come when they are asked for, see tsugite channel serve --cache-of.")
        var cache = false
        @Flag(help: "Say what would be fetched, and fetch no file.") var forecast = false
        @Option(help: "Wait up to that many minutes first, a random time, so that mirrors don't all come at once.")
        var jitterMinutes = 0

        func validate() throws {
            guard (0...1440).contains(jitterMinutes), (1...64).contains(parallel) else {
                throw ValidationError("--jitter-minutes lies between 0 and 1440, --parallel between 1 and 64")
            }
            try AddressWords.check(from)
            try FamilyWords.check(only)
        }

        func run() throws {
            var failed = false
            try reportingChannelErrors { () throws(ChannelError) in
                waitAtRandom(minutes: jitterMinutes)
                let mirror = Mirror(folder: folder)
                if let trustedRoot, try !mirror.hasRoot {
                    try Updater.initialise(mirror.store, rootFile: trustedRoot)
                }
                var options = Mirror.Options()
                options.parallel = parallel
                options.isCache = cache
                options.prefixes = only.map { $0 + "/" }
                let status = try mirror.synchronise(
                    from: from, fetcher: try fetcher(for: from), options: options, announce: announce)
                guard !forecast else { return }
                for entry in status.errors.entries { Output.note("failed: \(entry.key): \(entry.value)") }
                Output.result(
                    "\(status.state.rawValue): \(status.files) files, timestamp version \(status.timestampVersion)")
                failed = !status.errors.isEmpty
            }
            if failed { throw ExitStatus.partial.exit }
        }

        private func announce(_ plan: MirrorForecast) -> Bool {
            Output.result(
                "to fetch: \(plan.missingFiles) files, \(plan.bytesToFetch) bytes; free: \(plan.bytesFree) bytes")
            if let days = plan.daysUntilFull {
                Output.result("at the present growth the disk is full in \(days) days")
            }
            return !forecast
        }
    }

    /// Says how a mirror is.
    struct Status: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the state of a mirror's last run.")
        @Argument(help: "Folder of the mirror.") var folder: String
        @Flag(help: "As JSON.") var json = false

        func run() throws {
            try reportingChannelErrors { () throws(ChannelError) in
                let status = try Mirror(folder: folder).status()
                guard !json else {
                    Output.result(String(decoding: status.json.compactBytes, as: UTF8.self))
                    return
                }
                Output.result("state: \(status.state.rawValue)")
                if let time = status.time { Output.result("last run: \(time)") }
                if let expires = status.expires { Output.result("clients are served until: \(expires)") }
                Output.result("files: \(status.files), bytes: \(status.bytes)")
                for entry in status.errors.entries { Output.result("failed: \(entry.key): \(entry.value)") }
            }
        }
    }

    /// Makes room.
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove files and old metadata that nothing served refers to any more.")
        @Argument(help: "Folder of the mirror.") var folder: String

        func run() throws {
            try reportingChannelErrors { () throws(ChannelError) in
                let removed = try Mirror(folder: folder).prune()
                Output.result("removed \(removed.count) files")
            }
        }
    }
}
