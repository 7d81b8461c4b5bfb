/// One file that can be fetched (TUF 4.5).
public struct TargetFile: Sendable, Equatable {
    /// Its name within the channel, components separated by `/`.
    public var path: String
    /// Its length in bytes.
    public var length: Int
    /// Its hashes, at least one.
    public var hashes: FileHashes
    /// What the publisher says about it; opaque to TUF.
    public var custom: JSON?
    var others: JSON.Object = [:]

    /// Describes a file.
    public init(path: String, length: Int, hashes: FileHashes, custom: JSON? = nil) {
        self.path = path
        self.length = length
        self.hashes = hashes
        self.custom = custom
    }

    init(path: String, _ json: JSON.Object, subject: String) throws(ChannelError) {
        let reader = ObjectReader(json, subject: subject)
        self.path = path
        length = try reader.integer("length", atLeast: 0)
        hashes = try FileHashes(try reader.object("hashes"), subject: subject)
        custom = json[key: "custom"]
        others = reader.others(than: "length", "hashes", "custom")
    }

    var json: JSON {
        var object = others
        object[key: "length"] = .integer(Int64(length))
        object[key: "hashes"] = hashes.json
        object[key: "custom"] = custom
        return .object(object)
    }
}

/// A targets role's metadata, top-level or delegated (TUF 4.5).
public struct Targets: MetadataKind, Equatable {
    /// Its name, and the value of `_type`.
    public static let type = "targets"
    /// Version and expiry.
    public var header: Header
    /// The files, by path.
    public var files: ByteMap<TargetFile>
    /// Whom it trusts with which paths.
    public var delegations: Delegations?
    /// Members that this version doesn't know, or that are Tsugite's own (`x-tsugite`).
    public var others: JSON.Object = [:]

    /// Makes targets metadata.
    public init(header: Header, files: ByteMap<TargetFile> = [:], delegations: Delegations? = nil) {
        self.header = header
        self.files = files
        self.delegations = delegations
    }

    /// Reads the signed object.
    public init(_ signed: JSON.Object, subject: String) throws(ChannelError) {
        let reader = ObjectReader(signed, subject: subject)
        header = try Header(reader, type: Self.type)
        files = try reader.object("targets").mapValues { path, value throws(ChannelError) in
            guard let object = value.object else { throw reader.failure("a target isn't an object") }
            return try TargetFile(path: path, object, subject: subject)
        }
        delegations =
            signed[key: "delegations"] == nil
            ? nil : try Delegations(try reader.object("delegations"), subject: subject)
        others = reader.others(than: "_type", "spec_version", "version", "expires", "targets", "delegations")
    }

    /// The object to sign.
    public var json: JSON.Object {
        var object = others
        header.write(into: &object, type: Self.type)
        object[key: "targets"] = .object(files.mapValues { _, file in file.json })
        object[key: "delegations"] = delegations?.json
        return object
    }
}
