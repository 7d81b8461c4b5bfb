/// What holds a bundle together: the timestamp's place in a world without a network (docs/formats/bundle.md).
///
/// A timestamp lives for days, an air gap for months. So a bundle carries a seal: signed by the keys of the
/// timestamp role, naming a snapshot by version, length and hash as a timestamp does, saying *when* it was made
/// and until when it may be used. It is of another type than a timestamp, so that nobody can use one to keep
/// networked clients from news. Everything else in the bundle is the channel's ordinary metadata, and must
/// have been valid at the moment when the seal was made.
public struct BundleSeal: MetadataKind, Equatable {
    /// The value of `_type`.
    public static let type = "x-tsugite-bundle"
    /// Seconds for which a bundle may be valid at most: 400 days.
    ///
    /// Bounds what a stolen timestamp key can make of metadata that has expired since.
    public static let longestLife: Int64 = 400 * 86_400
    /// Version: that of the timestamp at the time; expiry: that of the bundle.
    public var header: Header
    /// When it was made; expiries of what it carries are compared with this.
    public var created: UTCTime
    /// The snapshot that it carries.
    public var snapshot: MetaFile
    /// What it is for: kernel releases, packages, or nothing if for all.
    public var families: [String]
    /// Members that this version doesn't know.
    public var others: JSON.Object = [:]

    /// Seals a snapshot.
    public init(header: Header, created: UTCTime, snapshot: MetaFile, families: [String]) {
        self.header = header
        self.created = created
        self.snapshot = snapshot
        self.families = families
    }

    /// Reads the signed object.
    public init(_ signed: JSON.Object, subject: String) throws(ChannelError) {
        let reader = ObjectReader(signed, subject: subject)
        header = try Header(reader, type: Self.type)
        guard let time = UTCTime(try reader.string("created")) else {
            throw reader.failure("\"created\" isn't YYYY-MM-DDTHH:MM:SSZ")
        }
        created = time
        snapshot = try MetaFile(try reader.object("snapshot"), subject: subject)
        families = try reader.strings("families")
        others = reader.others(
            than: "_type", "spec_version", "version", "expires", "created", "snapshot", "families")
    }

    /// The object to sign.
    public var json: JSON.Object {
        var object = others
        header.write(into: &object, type: Self.type)
        object[key: "created"] = .string(created.description)
        object[key: "snapshot"] = snapshot.json
        object[key: "families"] = .array(families.map { .string($0) })
        return object
    }
}

extension TrustedMetadataSet {
    /// Takes a bundle's seal in the place of a timestamp.
    ///
    /// The set must have been made with the seal's own moment as its reference time; see ``BundleImport``.
    /// - Parameter now: the seal must be valid at this moment, and not from the future by more than a day.
    mutating func accept(_ bytes: [UInt8], seal: BundleSeal, now: UTCTime) throws(ChannelError) {
        let subject = "bundle"
        let envelope = try Envelope(parsing: bytes, subject: subject)
        try envelope.verify(
            root.role(Timestamp.type), keys: root.keys, subject: subject,
            by: "root version \(root.header.version)", clause: "5.4.2")
        guard !seal.header.isExpired(at: now) else {
            throw ChannelError(.expired, subject, "expired at \(seal.header.expires)")
        }
        guard seal.header.expires <= seal.created.adding(seconds: BundleSeal.longestLife) else {
            throw ChannelError(.malformed, subject, "valid for more than 400 days, which no bundle may be")
        }
        guard seal.created <= now.adding(seconds: 86_400) else {
            throw ChannelError(.expired, subject, "made at \(seal.created): is this machine's clock right?")
        }
        try place(Timestamp(header: seal.header, snapshot: seal.snapshot))
    }
}
