/// A stage of a rollout: which updates machines of this ring may install.
///
/// An update installs only where two agree: its publisher, who signs it into a family's role, and whoever runs
/// the ring, who signs an approval of exactly this file. The two may be one channel or two: a site that follows
/// somebody else's channel keeps its rings in a small channel of its own.
///
/// A ring is a delegated role named `ring.NAME` without target files; its approvals stand under `x-tsugite` in
/// the signed part. Promotion and withdrawal are therefore ordinary signed metadata: a rollback, freeze or
/// forgery of a ring fails like that of anything else.
public struct Ring: Sendable, Equatable {
    /// Its name, such as `edge`, `candidate`, `stable`.
    public var name: String
    /// Hours that an update stays in this ring before it may go on to the next.
    public var soakHours: Int
    /// What its machines may install.
    public var approvals: ByteMap<Approval>

    /// Leave for one file of one update.
    public struct Approval: Sendable, Equatable {
        /// The update's identifier.
        public var id: String
        /// The file's SHA-256 in hex; the update's file under every target path has this digest.
        public var sha256: String
        /// When it arrived in this ring.
        public var since: UTCTime

        /// Approves a file.
        public init(id: String, sha256: String, since: UTCTime) {
            self.id = id
            self.sha256 = sha256
            self.since = since
        }

        /// The key in a ring: one update may have several files.
        var key: String { "\(id)/\(sha256)" }
    }

    /// Makes a ring without approvals.
    public init(name: String, soakHours: Int) {
        self.name = name
        self.soakHours = soakHours
        approvals = [:]
    }

    /// The role of a ring of that name; `nil` unless the name is plain.
    public static func role(_ name: String) -> String? { Family(.zone, name).map { "ring.\($0.name)" } }

    /// Reads a ring from its role's metadata; `nil` if the role isn't a ring.
    public init?(_ role: Targets, name: String) {
        guard let object = role.others[key: "x-tsugite"]?["ring"],
            let hours = object["soak-hours"]?.integer.flatMap({ Int(exactly: $0) }), hours >= 0,
            let list = object["approved"]?.array
        else { return nil }
        self.init(name: name, soakHours: hours)
        for element in list {
            guard let id = element["id"]?.string, let digest = element["sha256"]?.string,
                let since = element["since"]?.string.flatMap({ UTCTime($0) })
            else { return nil }
            let approval = Approval(id: id, sha256: digest.lowercased(), since: since)
            approvals[key: approval.key] = approval
        }
    }

    /// What stands in the role's metadata.
    var json: JSON {
        [
            "soak-hours": .integer(Int64(soakHours)),
            "approved": .array(
                approvals.values.map {
                    [
                        "id": .string($0.id), "sha256": .string($0.sha256), "since": .string($0.since.description),
                    ]
                }),
        ]
    }

    /// Whether machines of this ring may install a target.
    public func allows(_ target: TargetFile) -> Bool {
        guard let id = UpdateDescription(custom: target.custom)?.id,
            let digest = target.hashes.digests[key: "sha256"]?.lowercased()
        else { return false }
        return approvals[key: "\(id)/\(digest)"] != nil
    }

    /// What a promotion out of this ring would move, and what must stay, until when.
    public struct Promotion: Sendable, Equatable {
        /// Soaked long enough, and not yet in the next ring.
        public var ready: [Approval]
        /// Not long enough; each with the moment from which it is.
        public var soaking: [(approval: Approval, until: UTCTime)]

        /// A plan; by default one that moves nothing.
        public init(ready: [Approval] = [], soaking: [(approval: Approval, until: UTCTime)] = []) {
            self.ready = ready
            self.soaking = soaking
        }

        /// Equal if both lists are.
        public static func == (left: Self, right: Self) -> Bool {
            left.ready == right.ready && left.soaking.map(\.approval) == right.soaking.map(\.approval)
                && left.soaking.map(\.until) == right.soaking.map(\.until)
        }
    }

    /// Plans the promotion into another ring.
    /// - Parameter ids: only these updates; all if `nil`.
    public func promotion(into next: Ring, ids: [String]? = nil, at time: UTCTime) -> Promotion {
        var plan = Promotion()
        for approval in approvals.values where next.approvals[key: approval.key] == nil {
            guard ids?.contains(where: { sameBytes($0, approval.id) }) ?? true else { continue }
            let until = approval.since.adding(seconds: Int64(soakHours) * 3600)
            if until <= time { plan.ready.append(approval) } else { plan.soaking.append((approval, until)) }
        }
        return plan
    }
}
