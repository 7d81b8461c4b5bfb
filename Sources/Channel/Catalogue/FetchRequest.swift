/// What the acting process asks of the one that fetches, and what it answers: two JSON objects over pipes.
///
/// The fetching process has no rights and reads strangers' bytes; the acting one has all rights and reads only these
/// two objects, strictly.
public struct FetchRequest: Sendable, Equatable {
    /// One channel to follow.
    public struct Channel: Sendable, Equatable {
        /// The name that this machine gives it.
        public var label: String
        /// Where `metadata/` and `targets/` lie.
        public var address: String
        /// The root file to start from, the first time.
        public var trustedRoot: String
        /// The version of the catalogue that the asker has; 0 for none.
        public var known: Int
        /// Whether a whole refresh is due, not only the question for news.
        public var isWhole: Bool
        /// Target paths to bring.
        public var wanted: [String]

        /// Describes a channel.
        public init(
            label: String, address: String, trustedRoot: String, known: Int = 0, isWhole: Bool = false,
            wanted: [String] = []
        ) {
            self.label = label
            self.address = address
            self.trustedRoot = trustedRoot
            self.known = known
            self.isWhole = isWhole
            self.wanted = wanted
        }
    }

    /// All channels.
    public var channels: [Channel]
    /// A proxy as `http://HOST:PORT`.
    public var proxy: String?
    /// A PEM file of authorities.
    public var authorities: String?

    /// Asks for channels.
    public init(channels: [Channel], proxy: String? = nil, authorities: String? = nil) {
        self.channels = channels
        self.proxy = proxy
        self.authorities = authorities
    }

    /// Reads what ``json`` writes.
    public init(_ json: JSON) throws(ChannelError) {
        let reader = ObjectReader(json.object ?? [:], subject: "fetch request")
        var channels: [Channel] = []
        for element in try reader.array("channels") {
            let channel = ObjectReader(element.object ?? [:], subject: "fetch request")
            channels.append(
                Channel(
                    label: try channel.string("label"), address: try channel.string("address"),
                    trustedRoot: try channel.string("trusted-root"),
                    known: try channel.integer("known", atLeast: 0), isWhole: try channel.bool("whole"),
                    wanted: try channel.strings("wanted")))
        }
        self.init(channels: channels, proxy: json["proxy"]?.string, authorities: json["authorities"]?.string)
    }

    /// The JSON form.
    public var json: JSON {
        var object: JSON.Object = [
            "channels": .array(
                channels.map { channel in
                    [
                        "label": .string(channel.label), "address": .string(channel.address),
                        "trusted-root": .string(channel.trustedRoot), "known": .integer(Int64(channel.known)),
                        "whole": .bool(channel.isWhole), "wanted": .array(channel.wanted.map { .string($0) }),
                    ]
                })
        ]
        object[key: "proxy"] = proxy.map { .string($0) }
        object[key: "authorities"] = authorities.map { .string($0) }
        return .object(object)
    }
}

/// What came of one channel.
public struct FetchAnswer: Sendable {
    /// The name that this machine gives it.
    public var label: String
    /// What it offers; nil if that is what the asker knew, or if it failed.
    public var catalogue: Catalogue?
    /// Files that were brought, by target path.
    public var files: ByteMap<String> = [:]
    /// What went wrong: kind, subject, text.
    public var failure: ChannelError?

    /// An answer without anything in it yet.
    public init(label: String) { self.label = label }

    /// Reads what ``json`` writes.
    public init(_ json: JSON) throws(ChannelError) {
        let reader = ObjectReader(json.object ?? [:], subject: "fetch answer")
        label = try reader.string("label")
        if let catalogue = json["catalogue"] { self.catalogue = try Catalogue(catalogue, subject: label) }
        for entry in try reader.object("files").entries {
            if let file = entry.value.string { files[key: entry.key] = file }
        }
        guard let failure = json["failure"]?.object else { return }
        let details = ObjectReader(failure, subject: "fetch answer")
        let kind = try details.string("kind")
        self.failure = ChannelError(
            ChannelError.Kind.allCases.first { "\($0)" == kind } ?? .malformed, try details.string("subject"),
            try details.string("what"), clause: failure[key: "clause"]?.string)
    }

    /// The JSON form.
    public var json: JSON {
        var object: JSON.Object = [
            "label": .string(label),
            "files": .object(files.mapValues { _, file in .string(file) }),
        ]
        object[key: "catalogue"] = catalogue?.json
        if let failure {
            var details: JSON.Object = [
                "kind": .string("\(failure.kind)"), "subject": .string(failure.subject),
                "what": .string(failure.what),
            ]
            details[key: "clause"] = failure.clause.map { .string($0) }
            object[key: "failure"] = .object(details)
        }
        return .object(object)
    }
}
