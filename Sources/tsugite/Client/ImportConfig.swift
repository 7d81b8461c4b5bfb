import ArgumentParser
import Client
import Console
import Findings
import Linux

/// `tsugite import-config`: from uptrack.conf.
struct ImportConfig: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make tsugite.yaml from an uptrack.conf; prints it, or writes it with --write.")
    @Argument(help: "The old file.") var file = "/etc/uptrack/uptrack.conf"
    @Flag(help: "Write /etc/tsugite/tsugite.yaml; one that is there is kept.") var write = false
    @OptionGroup var client: ClientOptions

    func run() throws {
        try client.reporting {
            let (yaml, dropped) = try UptrackImport.convert(try FileSystem.readText(file))
            for key in dropped { Output.note("not taken over: \(key)") }
            guard write else { return Output.result(yaml) }
            let path = client.paths.configuration
            guard !FileFacts.exists(path) else {
                throw ClientError(Finding(.clientConfiguration, "\(path) is there already; move it away first"))
            }
            try FileSystem.makeDirectory(FileSystem.parent(of: path))
            try FileSystem.replace(path, with: yaml)
            Output.result("wrote \(path)")
        }
    }
}
