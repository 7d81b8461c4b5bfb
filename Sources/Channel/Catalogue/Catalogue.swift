/// What a channel offers, as verified at one moment: what clients plan with.
///
/// Made by the process that fetches and verifies (``Updater/catalogue(ring:)``), and carried as JSON to the one that
/// acts, which never sees the network's bytes.
public struct Catalogue: Sendable, Equatable {
    /// One update for one build.
    public struct Entry: Sendable, Equatable {
        /// The target path, `kind/name/BUILD-ID/FILE`.
        public var path: String
        /// The line of updates.
        public var family: Family
        /// The build that it is for, in hexadecimal.
        public var buildID: String
        /// SHA-256 of the file, which for a live patch is the patch's id.
        public var sha256: String
        /// The file's bytes.
        public var length: Int
        /// What the publisher says.
        public var update: UpdateDescription
        /// The rings that approve exactly this file.
        public var rings: [String]
    }

    /// The timestamp's version: a higher one is newer.
    public var version: Int
    /// Until when the channel vouches for being up to date.
    public var expires: UTCTime
    /// All updates.
    public var entries: [Entry]
    /// Updates that were taken back.
    public var withdrawals: [Withdrawal]
    /// Everything that the channel cares for, with or without an update yet.
    public var families: [Family]
    /// All rings, by name.
    public var rings: [String]

    /// Makes a catalogue.
    public init(
        version: Int, expires: UTCTime, entries: [Entry] = [], withdrawals: [Withdrawal] = [],
        families: [Family] = [], rings: [String] = []
    ) {
        self.version = version
        self.expires = expires
        self.entries = entries
        self.withdrawals = withdrawals
        self.families = families
        self.rings = rings
    }
}

extension Catalogue.Entry {
    /// Reads a target; `nil` if it isn't an update of ours under a path of ours.
    public init?(_ target: TargetFile, rings: [Ring]) {
        let parts = target.path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, let family = Family("\(parts[0])/\(parts[1])"),
            let update = UpdateDescription(custom: target.custom),
            let digest = target.hashes.digests[key: "sha256"]?.lowercased()
        else { return nil }
        self.init(
            path: target.path, family: family, buildID: parts[2].lowercased(), sha256: digest,
            length: target.length, update: update, rings: rings.filter { $0.allows(target) }.map(\.name))
    }

    init(_ json: JSON, subject: String) throws(ChannelError) {
        let reader = ObjectReader(json.object ?? [:], subject: subject)
        guard let family = Family(try reader.string("family")),
            let update = UpdateDescription(custom: json["custom"])
        else { throw reader.failure("an entry without family or description") }
        self.init(
            path: try reader.string("path"), family: family, buildID: try reader.string("build-id"),
            sha256: try reader.string("sha256"), length: try reader.integer("length", atLeast: 0), update: update,
            rings: try reader.strings("rings"))
    }

    var json: JSON {
        [
            "path": .string(path), "family": .string(family.path), "build-id": .string(buildID),
            "sha256": .string(sha256), "length": .integer(Int64(length)), "custom": update.custom,
            "rings": .array(rings.map { .string($0) }),
        ]
    }
}

extension Catalogue {
    /// Reads what ``json`` writes.
    public init(_ json: JSON, subject: String) throws(ChannelError) {
        let reader = ObjectReader(json.object ?? [:], subject: subject)
        guard let expires = UTCTime(try reader.string("expires")) else { throw reader.failure("no \"expires\"") }
        var entries: [Entry] = []
        for element in try reader.array("entries") { entries.append(try Entry(element, subject: subject)) }
        self.init(
            version: try reader.integer("version", atLeast: 0), expires: expires, entries: entries,
            withdrawals: try reader.array("withdrawals").compactMap { Withdrawal($0) },
            families: try reader.strings("families").compactMap { Family($0) }, rings: try reader.strings("rings"))
    }

    /// The JSON form; every member of it is text, numbers and lists only.
    public var json: JSON {
        [
            "version": .integer(Int64(version)), "expires": .string(expires.description),
            "entries": .array(entries.map(\.json)), "withdrawals": .array(withdrawals.map(\.json)),
            "families": .array(families.map { .string($0.path) }), "rings": .array(rings.map { .string($0) }),
        ]
    }
}
