import ArgumentParser
import Channel
import Console
import Findings

/// Writes a bundle.
struct ChannelExport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write one signed file for machines without a network.",
        discussion: "The keys of the timestamp role seal it. A bundle without updates says: nothing yet.")

    @OptionGroup var channel: ChannelOptions
    @Option(help: "The bundle to write.") var output: String
    @Option(
        name: .customLong("for"), parsing: .upToNextOption,
        help: ArgumentHelp("kernel/RELEASE, user/PACKAGE, zone/BASE, or ALL.", valueName: "family"))
    var families: [String]
    @Option(help: "Days for which the bundle may be used, at most 400.") var days = 180

    func validate() throws {
        guard (1...400).contains(days) else { throw ValidationError("--days lies between 1 and 400") }
        try FamilyWords.check(families.filter { $0 != "ALL" })
    }

    func run() throws {
        try reportingChannelErrors { () throws(ChannelError) in
            var request = Repository.BundleRequest()
            request.validSeconds = Int64(days) * 86_400
            request.families = families.compactMap { Family($0) }
            let count = try channel.repository.export(request, to: output, keys: try channel.ring())
            Output.result("\(output): \(count) files")
        }
    }
}

/// Takes a bundle over.
struct ChannelImport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Verify a bundle and take its updates over, as from the network.")

    @Argument(help: "The bundle.") var bundle: String
    @Option(help: "Folder of this machine's verified metadata, with a trusted root in it.") var metadataDir: String
    @Option(help: "Folder for the updates.") var targetDir: String

    func run() throws {
        try reportingChannelErrors { () throws(ChannelError) in
            let fetcher = try BundleFetcher(bundle)
            let taken = try BundleImport(fetcher, store: MetadataStore(folder: metadataDir))
            let paths = try taken.extract(into: targetDir)
            for path in paths { Output.result(path) }
            Output.result(
                "made at \(taken.seal.created), usable until \(taken.seal.header.expires); \(paths.count) updates")
        }
    }
}
