import ArgumentParser
import Channel
import Console
import Findings

/// Everything about keys.
struct ChannelKeys: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Show, make and change the keys of a channel.",
        discussion: """
            To change keys: `draft` writes the next root metadata, `sign` adds signatures where the root keys \
            are (as often as the threshold asks), `adopt` publishes it.
            """,
        subcommands: [List.self, New.self, Draft.self, Sign.self, Adopt.self])

    /// Which keys speak for which role.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show which keys speak for which role.")
        @OptionGroup var channel: ChannelOptions

        func run() throws {
            try reportingChannelErrors { () throws(ChannelError) in
                let held = Set(try channel.ring().publicKeys.map(\.id))
                for speaker in try channel.repository.speakers() {
                    Output.result("\(speaker.role): \(speaker.keys.threshold) of \(speaker.keys.keyIDs.count)")
                    for id in speaker.keys.keyIDs { Output.result("  \(id)\(held.contains(id) ? "  (here)" : "")") }
                }
            }
        }
    }

    /// Makes a key.
    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a private key; prints its identifier.")
        @Argument(help: "File for the key, ending in .pem.") var file: String
        @Option(help: "Kind of the key.") var keyType = PrivateKey.Kind.ed25519

        func run() throws {
            try reportingChannelErrors { () throws(ChannelError) in
                let key = try PrivateKey.generate(keyType)
                try key.write(to: file)
                Output.result(key.publicKey.id)
            }
        }
    }

    /// Writes the next root, unsigned.
    struct Draft: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the next root metadata, to be signed and adopted.")
        @OptionGroup var channel: ChannelOptions
        @Option(help: "File for the draft.") var output: String
        @Option(help: "The role whose keys change: root, targets, snapshot or timestamp.") var role: String?
        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("Its new keys: key files whose public halves are taken.", valueName: "file"))
        var newKeys: [String] = []
        @Option(help: "How many of them must sign.") var threshold = 1

        func validate() throws {
            guard let role else { return }
            guard ["root", "targets", "snapshot", "timestamp"].contains(role) else {
                throw ValidationError("--role is root, targets, snapshot or timestamp")
            }
            guard (1...max(1, newKeys.count)).contains(threshold), !newKeys.isEmpty else {
                throw ValidationError("--role needs --new-keys, and --threshold at most their number")
            }
        }

        func run() throws {
            try reportingChannelErrors { () throws(ChannelError) in
                var keys: [PublicKey] = []
                for file in newKeys { keys.append(try PrivateKey(file: file).publicKey) }
                let chosen = keys
                let draft = try channel.repository.draftRoot { root throws(ChannelError) in
                    guard let role else { return }
                    root.setKeys(chosen, threshold: threshold, of: role)
                }
                try MetadataFile.write(draft, to: output)
            }
        }
    }

    /// Adds signatures.
    struct Sign: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add signatures to a drafted root.")
        @Argument(help: "The draft; it is replaced by itself with more signatures.") var file: String
        @Option(
            name: .customLong("keys"), parsing: .upToNextOption,
            help: ArgumentHelp("Folders with private keys (*.pem).", valueName: "dir"))
        var keyFolders: [String]

        func run() throws {
            try reportingChannelErrors { () throws(ChannelError) in
                let ring = try KeyRing(folders: keyFolders)
                let signed = try Repository.sign(try MetadataFile.read(file), with: ring.all)
                try MetadataFile.write(signed, to: file)
            }
        }
    }

    /// Publishes a signed root.
    struct Adopt: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Publish a root that enough keys have signed, and all that it makes sign anew.")
        @OptionGroup var channel: ChannelOptions
        @Option(help: "The signed draft.") var root: String

        func run() throws {
            try reportingChannelErrors { () throws(ChannelError) in
                let done = try channel.repository.adoptRoot(try MetadataFile.read(root), keys: try channel.ring())
                Output.result("root adopted; timestamp version \(done.timestampVersion)")
            }
        }
    }
}
