/// Whether one advisory matters for one package, and what to do about it: what OpenVEX and CSAF VEX both say, each in
/// its own words.
public struct VEXStatement: Sendable, Equatable {
    /// CVE and the like.
    public var advisory: String
    /// The binary package.
    public var package: String
    /// Its version.
    public var version: String?
    /// Whether the fix is in effect.
    public var isFixed: Bool
    /// How that is known, for people.
    public var note: String
    /// What to do, for people; needed when it isn't fixed.
    public var action: String?
    /// Whether what is to be done, or was done, needs no restart.
    public var isLive: Bool

    /// Says it.
    public init(
        advisory: String, package: String, version: String?, isFixed: Bool, note: String, action: String?,
        isLive: Bool
    ) {
        self.advisory = advisory
        self.package = package
        self.version = version
        self.isFixed = isFixed
        self.note = note
        self.action = action
        self.isLive = isLive
    }

    var product: String { PackageURL.debian(package, version) }

    /// What to do; both specifications ask for this wherever something isn't fixed.
    var remedy: String? { action ?? (isFixed ? nil : "update \(package)") }
}

extension Catalogue {
    /// What a channel fixes live: one statement for each advisory and package.
    ///
    /// The version is the effective one: a process that carries the update is as good as one of that version.
    public var vexStatements: [VEXStatement] {
        var found: [String: VEXStatement] = [:]
        for entry in entries where entry.family.kind == .user {
            for advisory in entry.update.advisories {
                found["\(advisory) \(entry.family.name)"] = VEXStatement(
                    advisory: advisory, package: entry.family.name, version: entry.update.effectiveVersion,
                    isFixed: true,
                    note: "the live update \(entry.update.id) has the fix; processes that carry it need no restart",
                    action: "tsugite install \(entry.update.id)", isLive: true)
            }
        }
        return found.sorted { $0.key < $1.key }.map(\.value)
    }
}
