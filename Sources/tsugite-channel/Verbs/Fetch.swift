import ArgumentParser
import Channel
import ChannelHTTP
import Console
import Findings
import Glibc
import Linux

/// Follows channels for a process that acts: reads a request, answers, and holds no rights while it does.
///
/// Not for people: `tsugite upgrade` and its like run this.
struct Fetch: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch", abstract: "Bring and verify what a request on standard input asks for.",
        shouldDisplay: false)

    @Option(help: "Folder for metadata and files; the only place that is written to.") var folder: String
    @Option(help: "The user to become, if this is root.") var user = "_tsugite"

    func run() throws {
        try reportingErrors(json: false) {
            var input = [UInt8](repeating: 0, count: 1 << 16)
            let count = try OwnedDescriptor(adopting: STDIN_FILENO)
                .readAll(into: &input, limit: 64 << 20, name: "request")
            let request = try FetchRequest(JSON.parse(Array(input.prefix(count)), subject: "request"))
            try giveRightsUp()
            var settings = HTTPSettings()
            settings.proxy = request.proxy
            settings.authoritiesFile = request.authorities
            let run = FetchRun(folder: folder) { address throws(ChannelError) in
                try fetcher(for: address, settings)
            }
            let answers = request.channels.map { run.answer($0).json }
            Output.result(String(decoding: JSON.array(answers).compactBytes, as: UTF8.self))
        }
    }

    private func giveRightsUp() throws {
        try FileSystem.makeDirectory(folder)
        if geteuid() == 0 {
            guard let identity = try UserIdentity.named(user) ?? UserIdentity.named("nobody") else {
                throw ChannelError(.file, user, "no such user, and no nobody either")
            }
            try identity.own(folder)
            try Confinement.become(identity)
        }
        _ = try Confinement.confine(writingBelow: folder)
    }
}
