/// What timestamp says of snapshot, and snapshot of targets files: version, perhaps length and hashes.
public struct MetaFile: Sendable, Equatable {
    /// The version of the file.
    public var version: Int
    /// Its length in bytes, if listed.
    public var length: Int?
    /// Its hashes, if listed.
    public var hashes: FileHashes?
    /// Members that this version doesn't know.
    var others: JSON.Object = [:]

    /// Names a version, and the exact bytes if given.
    public init(version: Int, bytes: [UInt8]? = nil) {
        self.version = version
        length = bytes?.count
        hashes = bytes.map { FileHashes(of: $0) }
    }

    init(_ json: JSON.Object, subject: String) throws(ChannelError) {
        let reader = ObjectReader(json, subject: subject)
        version = try reader.integer("version", atLeast: 1)
        length = try reader.optionalInteger("length", atLeast: 1)
        hashes =
            json[key: "hashes"] == nil
            ? nil : try FileHashes(try reader.object("hashes"), subject: subject)
        others = reader.others(than: "version", "length", "hashes")
    }

    var json: JSON {
        var object = others
        object[key: "version"] = .integer(Int64(version))
        object[key: "length"] = length.map { .integer(Int64($0)) }
        object[key: "hashes"] = hashes?.json
        return .object(object)
    }

    /// Refuses bytes whose length or hashes aren't the listed ones.
    func verify(_ bytes: [UInt8], subject: String, clause: String) throws(ChannelError) {
        if let length, bytes.count != length {
            throw ChannelError(
                .mismatch, subject, "\(bytes.count) bytes instead of \(length)", clause: clause)
        }
        guard let hashes else { return }
        var check = try HashCheck(hashes, subject: subject, clause: clause)
        check.update(bytes)
        guard check.matches() else {
            throw ChannelError(.mismatch, subject, "the hash isn't the one that was signed", clause: clause)
        }
    }
}

/// The snapshot role's metadata: the version of every targets file, one consistent view (TUF 4.4).
public struct Snapshot: MetadataKind, Equatable {
    /// Its name, and the value of `_type`.
    public static let type = "snapshot"
    /// Version and expiry.
    public var header: Header
    /// One entry per targets file, by its name with `.json`.
    public var meta: ByteMap<MetaFile>
    /// Members that this version doesn\'t know.
    public var others: JSON.Object = [:]

    /// Makes snapshot metadata.
    public init(header: Header, meta: ByteMap<MetaFile>) {
        self.header = header
        self.meta = meta
    }

    /// Reads the signed object.
    public init(_ signed: JSON.Object, subject: String) throws(ChannelError) {
        let reader = ObjectReader(signed, subject: subject)
        header = try Header(reader, type: Self.type)
        meta = try readMeta(reader)
        others = reader.others(than: "_type", "spec_version", "version", "expires", "meta")
    }

    /// The object to sign.
    public var json: JSON.Object {
        var object = others
        header.write(into: &object, type: Self.type)
        object[key: "meta"] = .object(meta.mapValues { _, file in file.json })
        return object
    }
}

/// The timestamp role's metadata: which snapshot is the newest (TUF 4.6).
public struct Timestamp: MetadataKind, Equatable {
    /// Its name, and the value of `_type`.
    public static let type = "timestamp"
    /// Version and expiry.
    public var header: Header
    /// The newest snapshot.
    public var snapshot: MetaFile
    /// Members that this version doesn\'t know.
    public var others: JSON.Object = [:]

    /// Makes timestamp metadata.
    public init(header: Header, snapshot: MetaFile) {
        self.header = header
        self.snapshot = snapshot
    }

    /// Reads the signed object.
    public init(_ signed: JSON.Object, subject: String) throws(ChannelError) {
        let reader = ObjectReader(signed, subject: subject)
        header = try Header(reader, type: Self.type)
        guard let file = try readMeta(reader)[key: "snapshot.json"] else {
            throw reader.failure("no entry for snapshot.json")
        }
        snapshot = file
        others = reader.others(than: "_type", "spec_version", "version", "expires", "meta")
    }

    /// The object to sign.
    public var json: JSON.Object {
        var object = others
        header.write(into: &object, type: Self.type)
        object[key: "meta"] = ["snapshot.json": snapshot.json]
        return object
    }
}

private func readMeta(_ reader: ObjectReader) throws(ChannelError) -> ByteMap<MetaFile> {
    try reader.object("meta").mapValues { _, value throws(ChannelError) in
        guard let object = value.object else { throw reader.failure("an entry of meta isn't an object") }
        return try MetaFile(object, subject: reader.subject)
    }
}
