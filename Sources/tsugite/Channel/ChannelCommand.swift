import ArgumentParser
import Channel
import Findings
import Glibc

/// Everything that a publisher does; each verb is a file beside this one.
struct ChannelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "channel", abstract: "Run a signed channel of updates.",
        subcommands: [
            ChannelInit.self, ChannelAdd.self, ChannelPublish.self, ChannelWithdraw.self, ChannelRing.self,
            ChannelPromote.self, ChannelKeys.self, ChannelCheck.self, ChannelExport.self, ChannelImport.self,
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

/// Prints a channel's error as one paragraph and ends with status 1.
func reportingChannelErrors(_ body: () throws(ChannelError) -> Void) throws {
    do throws(ChannelError) {
        try body()
    } catch {
        printError("\(error.finding)")
        throw ExitCode(1)
    }
}

/// Writes a line to standard error.
func printError(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    // The count is that of the array.
    _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
}
