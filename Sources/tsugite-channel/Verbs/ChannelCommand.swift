import ArgumentParser
import Channel
import Console
import Findings

/// Everything that a publisher does; each verb is a file beside this one.
struct ChannelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "channel", abstract: "Run a signed channel of updates.",
        subcommands: [
            ChannelInit.self, ChannelAdd.self, ChannelPublish.self, ChannelWithdraw.self, ChannelRing.self,
            ChannelPromote.self, ChannelKeys.self, ChannelCheck.self, ChannelExport.self, ChannelImport.self,
            ChannelServe.self, ChannelArchive.self, ChannelDeb.self, ChannelAdvisories.self,
        ])
}

/// The channel that a verb works on, and the keys that it may use.
struct ChannelOptions: ParsableArguments {
    @Argument(help: "Folder of the channel.") var folder: String
    @Option(
        name: .customLong("keys"), parsing: .upToNextOption,
        help: ArgumentHelp("Folders with private keys (*.pem) to sign with.", valueName: "dir"))
    var keyFolders: [String] = []

    var repository: Repository { Repository(folder: folder) }

    func ring() throws(ChannelError) -> KeyRing { try KeyRing(folders: keyFolders) }
}

/// Runs a verb; an error that it meets is printed as its finding and becomes the exit status.
///
/// - Parameter status: a status of its own, where an outside protocol asks for one.
func reportingChannelErrors(
    status: ExitCode? = nil, _ body: () throws(ChannelError) -> Void
) throws {
    do throws(ChannelError) {
        try body()
    } catch {
        Output.note("tsugite: \(error.finding)")
        throw status ?? ExitStatus(error.finding).exit
    }
}
