import ArgumentParser
import Console
import Findings
import Glibc
import PatchBuilder

/// `tsugite cache`: what `tsugite build` keeps for the next patch.
struct Cache: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "List or take out what build keeps for the next patch of a package.",
        subcommands: [List.self, Prune.self])

    /// Where the cache is.
    struct Place: ParsableArguments {
        @Option(help: ArgumentHelp("Folder for cached builds, as given to build.", valueName: "folder"))
        var work: String?

        func open() throws -> BuildCache { try BuildCache(Build.absolute(work ?? Build.defaultWorkFolder)) }
    }

    /// What was found or done.
    struct Report: Encodable {
        var schema = "tsugite.cache/1"
        var kept: [BuildCache.Entry] = []
        var removed: [BuildCache.Entry] = []
        var busy: [BuildCache.Entry] = []
    }

    /// `tsugite cache list`.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show builds, patches, sources and their sizes.")
        @OptionGroup var place: Place
        @OptionGroup var output: OutputOptions

        func run() throws {
            try reportingErrors(json: output.json) {
                let entries = try place.open().entries()
                if output.json { return Output.json(Report(kept: entries)) }
                for entry in entries { Output.result(Cache.line(entry)) }
                Output.result("\(entries.count) entries, \(Cache.size(entries.reduce(0) { $0 &+ $1.size }))")
            }
        }
    }

    /// `tsugite cache prune`.
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take out unfinished builds and what wasn't used for a while.",
            discussion: "Everything can be made again: the next build for such a package only takes longer.")
        @OptionGroup var place: Place
        @OptionGroup var output: OutputOptions
        @Option(help: ArgumentHelp("Take out what wasn't used for so many days; 0: everything.", valueName: "days"))
        var olderThan: Int = 30

        func validate() throws {
            guard (0...100_000).contains(olderThan) else {
                throw ValidationError("--older-than takes a number of days from 0.")
            }
        }

        func run() throws {
            try reportingErrors(json: output.json) {
                let now = UInt64(max(time(nil), 0))
                let age = UInt64(olderThan) * 86_400
                let limit = olderThan == 0 ? UInt64.max : (now > age ? now - age : 0) * 1_000_000_000
                let result = try place.open().prune(olderThan: limit)
                if output.json { return Output.json(Report(removed: result.removed, busy: result.busy)) }
                for entry in result.removed { Output.result("removed  " + Cache.line(entry)) }
                for entry in result.busy { Output.result("in use   " + Cache.line(entry)) }
                Output.result("freed \(Cache.size(result.removed.reduce(0) { $0 &+ $1.size }))")
            }
        }
    }

    fileprivate static func line(_ entry: BuildCache.Entry) -> String {
        let kind = entry.kind.rawValue
        let state = entry.isComplete ? "" : "  (unfinished)"
        let text = kind + String(repeating: " ", count: max(1, 10 - kind.count)) + size(entry.size)
        return "\(text)  \(entry.detail)  \(entry.path)\(state)"
    }

    fileprivate static func size(_ bytes: UInt64) -> String {
        bytes >= 1 << 30
            ? "\((bytes * 10 >> 30) / 10).\((bytes * 10 >> 30) % 10) GB" : "\((bytes + (1 << 20) - 1) >> 20) MB"
    }
}
