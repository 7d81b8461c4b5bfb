/// What all four kinds of metadata begin with (TUF 4.2.2).
public struct Header: Sendable, Equatable {
    /// The version of the specification that it follows.
    public var specVersion: String
    /// The version of this file, from 1 upwards.
    public var version: Int
    /// From this moment on it isn't valid.
    public var expires: UTCTime

    /// The newest specification that this version knows.
    static let currentSpec = "1.0.34"

    /// Makes the header of a new file.
    public init(version: Int, expires: UTCTime) {
        specVersion = Self.currentSpec
        self.version = version
        self.expires = expires
    }

    init(_ reader: ObjectReader, type: String) throws(ChannelError) {
        guard try reader.string("_type") == type else { throw reader.failure("not of type \"\(type)\"") }
        specVersion = try reader.string("spec_version")
        // Another major version may mean something else by the same words (TUF 4.2.2).
        guard specVersion == "1" || specVersion.hasPrefix("1.") else {
            throw reader.failure("specification \(specVersion) isn't known")
        }
        version = try reader.integer("version", atLeast: 1)
        guard let time = UTCTime(try reader.string("expires")) else {
            throw reader.failure("\"expires\" isn't YYYY-MM-DDTHH:MM:SSZ")
        }
        expires = time
    }

    func write(into object: inout JSON.Object, type: String) {
        object[key: "_type"] = .string(type)
        object[key: "spec_version"] = .string(specVersion)
        object[key: "version"] = .integer(Int64(version))
        object[key: "expires"] = .string(expires.description)
    }

    /// Whether it has expired at `time`.
    public func isExpired(at time: UTCTime) -> Bool { expires <= time }
}

/// One kind of metadata: what it is called, how it is read and written.
public protocol MetadataKind: Sendable {
    /// Its name, and the value of `_type`.
    static var type: String { get }
    /// Version and expiry.
    var header: Header { get set }
    /// Reads the signed object.
    /// - Parameter subject: the role, for the error.
    init(_ signed: JSON.Object, subject: String) throws(ChannelError)
    /// The object to sign, unknown members included.
    var json: JSON.Object { get }
}

extension MetadataKind {
    /// The metadata file, signed by these keys.
    public func file(signedBy keys: [PrivateKey]) throws(ChannelError) -> [UInt8] {
        var envelope = try Envelope(signing: json, subject: Self.type)
        for key in keys { try envelope.sign(with: key) }
        return envelope.fileBytes
    }
}
