public import ArgumentParser
public import Channel
import Console
import Findings

extension PrivateKey.Kind: ExpressibleByArgument {}

/// Makes a channel, and the keys that it needs.
struct ChannelInit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a new channel, and its keys.",
        discussion: """
            Three folders of keys are made in the folder given as --new-keys:
              root/       takes part only when keys change: move it to a medium that you keep apart
              publisher/  signs updates and snapshots: keep it where you publish
              online/     signs timestamps only: may lie on the server that renews them
            """)

    @Argument(help: "Folder for the channel.") var folder: String
    @Option(help: "Folder for the new keys.") var newKeys: String
    @Option(help: "Kind of the keys.") var keyType = PrivateKey.Kind.ed25519
    @Option(help: "How many root keys to make.") var rootKeys = 1
    @Option(help: "How many of them must sign a change of keys.") var rootThreshold = 1
    @Option(help: "Days until a timestamp expires: how long clients may be kept from news unnoticed.")
    var timestampDays = 7

    func validate() throws {
        guard (1...100).contains(rootKeys), (1...rootKeys).contains(rootThreshold) else {
            throw ValidationError("--root-threshold must lie between 1 and --root-keys, which is at most 100")
        }
        guard (1...365).contains(timestampDays) else {
            throw ValidationError("--timestamp-days must lie between 1 and 365")
        }
    }

    func run() throws {
        try reportingChannelErrors { () throws(ChannelError) in
            var roots: [PrivateKey] = []
            for number in 1...rootKeys { roots.append(try newKey("root/root-\(number)")) }
            let targets = try newKey("publisher/targets")
            let snapshot = try newKey("publisher/snapshot")
            let timestamp = try newKey("online/timestamp")
            var settings = PublisherSettings()
            settings.timestampSeconds = Int64(timestampDays) * 86_400
            _ = try Repository.create(
                folder: folder, root: RoleKeys(keyIDs: roots.map(\.publicKey.id), threshold: rootThreshold),
                targets: only(targets), snapshot: only(snapshot), timestamp: only(timestamp),
                keys: KeyRing(roots + [targets, snapshot, timestamp]), settings: settings)
        }
        Output.result("channel made in \(folder); clients start from \(folder)/metadata/1.root.json")
        Output.result("move \(newKeys)/root to a medium that you keep apart from this machine")
    }

    private func newKey(_ name: String) throws(ChannelError) -> PrivateKey {
        let key = try PrivateKey.generate(keyType)
        try key.write(to: "\(newKeys)/\(name).pem")
        return key
    }

    private func only(_ key: PrivateKey) -> RoleKeys { RoleKeys(keyIDs: [key.publicKey.id], threshold: 1) }
}
