public import Findings

/// What this machine's operator decided and did; what is in memory is read from memory.
public struct ClientState: Sendable, Equatable, Codable {
    /// Names this form.
    public var schema = "tsugite.state/1"
    /// Updates that shall be in memory, oldest first.
    public var installed: [InstalledUpdate] = []
    /// Ids or families that are left alone, besides those of the configuration.
    public var held: [String] = []
    /// Highest versions, by package, besides those of the configuration.
    public var pins: [String: String] = [:]
    /// The last successful look at each channel, seconds since 1970.
    public var checked: [String: Int64] = [:]
    /// What went wrong at the last look, by channel: finding codes.
    public var failed: [String: String] = [:]
    /// The same in whole, with what was met; nil in records of older clients.
    public var failures: [String: Finding]?
    /// The update ids of the last action, for undoing it.
    public var lastAction: [String] = []

    /// Nothing is installed.
    public init() {}

    /// An installed update by id.
    public func update(_ id: String) -> InstalledUpdate? { installed.first { $0.id == id } }
}

/// An update that was installed here, with all that is needed to put it in or take it out without a network.
public struct InstalledUpdate: Sendable, Equatable, Codable {
    /// One patch file.
    public struct Patch: Sendable, Equatable, Codable, Hashable {
        /// SHA-256 of the file: the patch's id, and its name in the store.
        public var sha256: String
        /// The build that it is for.
        public var buildID: String
        /// Target path in the channel.
        public var path: String
        /// Bytes.
        public var length: Int
    }

    /// Something that isn't accepted yet.
    public struct Trial: Sendable, Equatable, Codable {
        /// When it ends, seconds since 1970.
        public var until: Int64
        /// The boot in which it began; it doesn't outlive that.
        public var bootID: String
    }

    /// The update's id.
    public var id: String
    /// The channel's label.
    public var channel: String
    /// `user/libssl3`.
    public var family: String
    /// The version whose fixes it brings.
    public var effectiveVersion: String
    /// CVE and the like.
    public var advisories: [String]
    /// One line for people.
    public var summary: String
    /// `safe`, `conditional` or `unsafe`.
    public var undo: String
    /// Updates that it replaces.
    public var supersedes: [String]
    /// Its files.
    public var patches: [Patch]
    /// Seconds since 1970.
    public var installedAt: Int64 = 0
    /// Set while it is on trial.
    public var trial: Trial?

    /// The name behind `user/`, or the kernel's release.
    public var package: String { String(family.drop { $0 != "/" }.dropFirst()) }
    /// Whether it is for the kernel.
    public var isKernel: Bool { family.hasPrefix("kernel/") }
}
