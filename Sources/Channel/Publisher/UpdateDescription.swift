/// What a channel says about one update: the `custom` object of its targets, under the name `tsugite`.
public struct UpdateDescription: Sendable, Equatable {
    /// How urgent it is; the order is the order of urgency.
    public enum Severity: String, Sendable, CaseIterable {
        /// Not yet assessed.
        case unknown
        /// Hardly matters.
        case low
        /// Matters.
        case medium
        /// Soon.
        case high
        /// Now.
        case critical
    }

    /// Whether it can be taken out again while the process runs.
    public enum UndoSafety: String, Sendable, CaseIterable {
        /// At any time.
        case safe
        /// Only while its own precondition holds; the patch says which.
        case conditional
        /// Not; ends with the process.
        case unsafe
    }

    /// The update's identifier, unique in the channel.
    public var id: String
    /// Advisories that it answers: CVE, DSA, USN and the like.
    public var advisories: [String] = []
    /// How urgent it is.
    public var severity = Severity.unknown
    /// The version whose fixes are in memory afterwards.
    public var effectiveVersion: String
    /// Identifiers of updates that it replaces.
    public var supersedes: [String] = []
    /// Whether it can be undone.
    public var undo = UndoSafety.safe
    /// Digest of the provenance statement, as `sha256:HEX`.
    public var provenance: String?
    /// One line for people.
    public var summary = ""
    /// When it was published; clients with a cut-off date go by this.
    public var published: UTCTime?

    /// Describes an update.
    public init(id: String, effectiveVersion: String) {
        self.id = id
        self.effectiveVersion = effectiveVersion
    }

    /// Reads the `custom` object of a target; `nil` if it isn't one of Tsugite's.
    ///
    /// Unknown severities and the like, from a newer publisher, are read as the most careful value.
    public init?(custom: JSON?) {
        guard let object = custom?["tsugite"], let id = object["id"]?.string,
            let version = object["effective-version"]?.string
        else { return nil }
        func texts(_ name: String) -> [String] { (object[name]?.array ?? []).compactMap(\.string) }
        self.init(id: id, effectiveVersion: version)
        advisories = texts("advisories")
        severity = object["severity"]?.string.flatMap(Severity.init) ?? .unknown
        supersedes = texts("supersedes")
        undo = object["undo"]?.string.flatMap(UndoSafety.init) ?? .unsafe
        provenance = object["provenance"]?.string
        summary = object["summary"]?.string ?? ""
        published = object["published"]?.string.flatMap { UTCTime($0) }
    }

    /// The `custom` object.
    public var custom: JSON {
        var object: JSON.Object = [
            "id": .string(id), "effective-version": .string(effectiveVersion),
            "severity": .string(severity.rawValue), "undo": .string(undo.rawValue),
            "advisories": .array(advisories.map { .string($0) }),
            "supersedes": .array(supersedes.map { .string($0) }), "summary": .string(summary),
        ]
        object[key: "provenance"] = provenance.map { .string($0) }
        object[key: "published"] = published.map { .string($0.description) }
        return ["tsugite": .object(object)]
    }
}

/// An update that was taken back: clients undo it or warn, by their policy.
public struct Withdrawal: Sendable, Equatable {
    /// The update.
    public var id: String
    /// Why, for people.
    public var reason: String
    /// When.
    public var time: UTCTime

    /// Takes an update back.
    public init(id: String, reason: String, time: UTCTime) {
        self.id = id
        self.reason = reason
        self.time = time
    }

    init?(_ json: JSON) {
        guard let id = json["id"]?.string, let reason = json["reason"]?.string,
            let time = json["time"]?.string.flatMap({ UTCTime($0) })
        else { return nil }
        self.init(id: id, reason: reason, time: time)
    }

    var json: JSON { ["id": .string(id), "reason": .string(reason), "time": .string(time.description)] }
}

extension Targets {
    /// The updates that this role has taken back, oldest first.
    public var withdrawals: [Withdrawal] {
        get { (others[key: "x-tsugite"]?["withdrawn"]?.array ?? []).compactMap { Withdrawal($0) } }
        set {
            var object = others[key: "x-tsugite"]?.object ?? [:]
            object[key: "withdrawn"] = .array(newValue.map(\.json))
            others[key: "x-tsugite"] = .object(object)
        }
    }
}
