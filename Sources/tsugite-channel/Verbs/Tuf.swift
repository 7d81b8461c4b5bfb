import ArgumentParser
import Channel
import Console
import Findings

/// The bare TUF client: what the public conformance suite drives.
///
/// Exit status 0 or 1, as that suite's protocol asks.
struct Tuf: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tuf", abstract: "Follow any TUF repository with the bare client.",
        discussion: """
            init ROOT       trust this root metadata file
            refresh         bring the metadata up to date
            download        fetch targets: --target-name may be repeated, and the first that fails ends it

            The exit status is 0 if all went well, else 1.
            """)

    /// What to do.
    enum Action: String, ExpressibleByArgument, CaseIterable {
        case `init`, refresh, download
    }

    @Argument(help: "init, refresh or download.") var action: Action
    @Argument(help: "The trusted root metadata file, for init.") var root: String?
    @Option(help: "Folder of this machine's verified metadata.") var metadataDir: String
    @Option(help: "Address of the repository's metadata.") var metadataUrl: String?
    @Option(help: "Path of the target within the repository; may be repeated.") var targetName: [String] = []
    @Option(help: "Address of the repository's target files.") var targetBaseUrl: String?
    @Option(help: "Folder for downloaded targets.") var targetDir: String?

    func validate() throws {
        switch action {
        case .`init`: guard root != nil else { throw ValidationError("init needs a root metadata file") }
        case .refresh: guard metadataUrl != nil else { throw ValidationError("refresh needs --metadata-url") }
        case .download:
            guard metadataUrl != nil, !targetName.isEmpty, targetBaseUrl != nil, targetDir != nil else {
                throw ValidationError(
                    "download needs --metadata-url, --target-name, --target-base-url and --target-dir")
            }
        }
    }

    func run() throws {
        try reportingChannelErrors(status: ExitCode(1)) { () throws(ChannelError) in
            let store = MetadataStore(folder: metadataDir)
            switch action {
            case .`init`: try Updater.initialise(store, rootFile: root ?? "")
            case .refresh: try updater(store).refresh()
            case .download: try download(updater(store))
            }
        }
    }

    private func updater(_ store: MetadataStore) throws(ChannelError) -> Updater {
        let address = metadataUrl ?? ""
        return try Updater(
            store: store, metadataAddress: address, targetsAddress: targetBaseUrl,
            fetcher: try fetcher(for: address))
    }

    /// One target after the other, in the order given, from one look at the repository.
    private func download(_ updater: Updater) throws(ChannelError) {
        for name in targetName {
            guard let target = try updater.target(name) else {
                throw ChannelError(.noTarget, name, "no trusted role lists it", clause: "5.7.2")
            }
            Output.result(try updater.download(target, into: targetDir ?? "."))
        }
    }
}
