/// Where the files of a published channel are: plain files that any web server can serve.
///
/// ```
/// CHANNEL/metadata/timestamp.json          the only file that is ever replaced
/// CHANNEL/metadata/N.root.json             N.snapshot.json, N.targets.json, N.user.libssl3.json …
/// CHANNEL/targets/user/libssl3/BUILD-ID/SHA256.NAME
/// CHANNEL/publisher.json                   the publisher's own settings; needn't be served
/// CHANNEL/staged/                          added, not yet published; needn't be served
/// ```
struct RepositoryLayout: Sendable {
    let folder: String

    var metadata: String { "\(folder)/metadata" }
    var targets: String { "\(folder)/targets" }
    var staged: String { "\(folder)/staged" }
    var settings: String { "\(folder)/publisher.json" }
    var timestamp: String { "\(metadata)/timestamp.json" }

    /// Where a role's file is: under its plain name, because web servers decode the quoted one that clients
    /// ask for.
    func file(_ role: String, _ version: Int) -> String { "\(metadata)/\(version).\(role).json" }

    /// Where a target file is, with its hash before the last component (TUF 6.2).
    func target(_ path: String, sha256: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "\(targets)/\(sha256).\(path)" }
        return "\(targets)/\(path[...slash])\(sha256).\(path[path.index(after: slash)...])"
    }

    /// Whether a path may become a file: components of ordinary names, nothing that climbs or hides.
    static func isServable(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return path.utf8.count <= 1024
            && parts.allSatisfy { part in
                !part.isEmpty && !part.hasPrefix(".") && part.utf8.count <= 180
                    && !part.utf8.contains { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }
            }
    }
}

/// How long metadata stays valid, in seconds; and the name of the key that new families get.
public struct PublisherSettings: Sendable, Equatable {
    /// Root: changed by people who meet for it.
    public var rootSeconds: Int64 = 365 * 86_400
    /// Targets, top-level and delegated.
    public var targetsSeconds: Int64 = 180 * 86_400
    /// Snapshot.
    public var snapshotSeconds: Int64 = 30 * 86_400
    /// Timestamp: how long a client may be kept from news without noticing.
    public var timestampSeconds: Int64 = 7 * 86_400
    /// Identifiers of the keys that speak for new families; empty means those of the top-level role.
    public var familyKeys: [String] = []

    /// The defaults.
    public init() {}

    init(_ json: JSON, subject: String) throws(ChannelError) {
        guard let object = json.object else { throw ChannelError(.malformed, subject, "no JSON object") }
        let reader = ObjectReader(object, subject: subject)
        let seconds = ObjectReader(try reader.object("expires-after-seconds"), subject: subject)
        rootSeconds = Int64(try seconds.integer("root", atLeast: 1))
        targetsSeconds = Int64(try seconds.integer("targets", atLeast: 1))
        snapshotSeconds = Int64(try seconds.integer("snapshot", atLeast: 1))
        timestampSeconds = Int64(try seconds.integer("timestamp", atLeast: 1))
        familyKeys = try reader.strings("family-keys")
    }

    var json: JSON {
        [
            "expires-after-seconds": [
                "root": .integer(rootSeconds), "targets": .integer(targetsSeconds),
                "snapshot": .integer(snapshotSeconds), "timestamp": .integer(timestampSeconds),
            ],
            "family-keys": .array(familyKeys.map { .string($0) }),
        ]
    }
}
