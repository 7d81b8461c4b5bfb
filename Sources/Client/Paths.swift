import Linux

/// Where the client's files are; all below one root, so that a test or an image has its own.
public struct Paths: Sendable, Equatable {
    /// Put before every path; empty on a living system.
    public var root: String

    /// The system's own, or those below another root.
    public init(root: String = "") { self.root = root.hasSuffix("/") ? String(root.dropLast()) : root }

    /// `/etc/tsugite/tsugite.yaml`.
    public var configuration: String { "\(root)/etc/tsugite/tsugite.yaml" }
    /// Files with what must never be touched.
    public var never: String { "\(root)/etc/tsugite/never.d" }
    /// If this file is there, nothing is done by itself.
    public var disable: String { "\(root)/etc/tsugite/disable" }
    /// All that lasts.
    public var state: String { "\(root)/var/lib/tsugite" }
    /// The one folder that the fetching process may write to.
    public var fetch: String { "\(state)/fetch" }
    /// Verified patch files, by digest; only root writes here.
    public var store: String { "\(state)/store" }
    /// Catalogues, by channel label.
    public var catalogues: String { "\(state)/catalogues" }
    /// The four plans.
    public var plans: String { "\(state)/plans" }
    /// What is installed, held and on trial.
    public var record: String { "\(state)/state.json" }
    /// What is being done right now; gone when it is done.
    public var journal: String { "\(state)/journal.json" }
    /// What the last action came to.
    public var lastAction: String { "\(state)/last-action.json" }
    /// One line for each action.
    public var history: String { "\(state)/history.jsonl" }
    /// How earlier boots ended.
    public var boots: String { "\(state)/boot.json" }
    /// World-readable: the effective versions.
    public var effective: String { "\(root)/run/tsugite/effective.json" }
    /// Taken by whoever changes something.
    public var lock: String { "\(root)/run/tsugite/lock" }
}
