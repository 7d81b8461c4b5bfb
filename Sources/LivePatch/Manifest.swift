/// What a live patch says about itself, for people and for tools: section `.tsugite.manifest`, JSON.
///
/// The schema's name is in ``schema``; fields are only ever added under one name. Nothing is decided by it:
/// patchers go by the table of targets, and check that against memory.
public struct Manifest: Codable, Equatable, Sendable {
    /// Name of this form: `tsugite.patch/1`.
    public static let schemaName = "tsugite.patch/1"

    /// Which form this is.
    public var schema = Manifest.schemaName
    /// The patch's name.
    public var name: String
    /// Advisories that the patch answers, such as `CVE-2025-23419`.
    public var advisories: [String]
    /// SHA-256 of each diff, lower-case hexadecimal, in order.
    public var changes: [String]
    /// Program that made the patch.
    public var builder: String
    /// Compilers, assemblers and linkers that made the rebuilt targets.
    public var toolchain: [Tool]
    /// One entry for each target, in the order of the table of targets.
    public var targets: [Target]
    /// What a reader should know besides.
    public var notes: [String]

    /// Makes a manifest.
    public init(
        name: String, advisories: [String] = [], changes: [String], builder: String, toolchain: [Tool] = [],
        targets: [Target], notes: [String] = []
    ) {
        self.name = name
        self.advisories = advisories
        self.changes = changes
        self.builder = builder
        self.toolchain = toolchain
        self.targets = targets
        self.notes = notes
    }

    /// One program of the tool chain.
    public struct Tool: Codable, Equatable, Sendable {
        /// File name.
        public var name: String
        /// First line of what it says about itself; empty if it wasn't asked.
        public var version: String
        /// SHA-256 of the executable.
        public var digest: String

        /// Makes an entry.
        public init(name: String, version: String, digest: String) {
            self.name = name
            self.version = version
            self.digest = digest
        }
    }

    /// One target.
    public struct Target: Codable, Equatable, Sendable {
        /// Soname or file name.
        public var name: String
        /// Lower-case hexadecimal.
        public var buildID: String
        /// How it was shown that the shipped file is what the tree builds.
        public var proof: Proof
        /// Functions that come with the patch.
        public var functions: [Function]
        /// Functions that the diff removes; they stay in the process, unused.
        public var removed: [String]
        /// Variables and constants that changed, and what becomes of them.
        public var data: [Data]
        /// Hooks of the patch's author; nil if there are none.
        public var hooks: [Hook]?

        /// Makes an entry.
        public init(
            name: String, buildID: String, proof: Proof, functions: [Function], removed: [String], data: [Data],
            hooks: [Hook]? = nil
        ) {
            self.hooks = hooks
            self.name = name
            self.buildID = buildID
            self.proof = proof
            self.functions = functions
            self.removed = removed
            self.data = data
        }
    }

    /// A function that the patcher has the process run.
    public struct Hook: Codable, Equatable, Sendable {
        /// `pre-apply`, `apply`, `post-apply`, `pre-undo`, `undo` or `post-undo`.
        public var kind: String
        /// Its name.
        public var function: String

        /// Makes an entry.
        public init(kind: String, function: String) {
            self.kind = kind
            self.function = function
        }
    }

    /// The proof of a target.
    public struct Proof: Codable, Equatable, Sendable {
        /// `same-build-id`, `same-image` or `function-by-function`.
        public var tier: String
        /// Functions of the rebuilt file.
        public var functions: Int
        /// How many of them are equal in the shipped file.
        public var identical: Int

        /// Makes an entry.
        public init(tier: String, functions: Int, identical: Int) {
            self.tier = tier
            self.functions = functions
            self.identical = identical
        }
    }

    /// One function of the patch.
    public struct Function: Codable, Equatable, Sendable {
        /// Its symbol after the diff.
        public var name: String
        /// The translation unit.
        public var unit: String
        /// Whether an old function is replaced; otherwise it is new or a copy.
        public var isReplacement: Bool
        /// Why it is in the patch.
        public var why: Why
        /// First instruction that differs; nil for new functions.
        public var difference: Difference?

        /// Makes an entry.
        public init(name: String, unit: String, isReplacement: Bool, why: Why, difference: Difference? = nil) {
            self.name = name
            self.unit = unit
            self.isReplacement = isReplacement
            self.why = why
            self.difference = difference
        }
    }

    /// A reason with the names that belong to it.
    public struct Why: Codable, Equatable, Sendable {
        /// `edited`, `inlined`, `declaration`, `split`, `constant-propagated`, `part`, `data`, `new`,
        /// `needed` or `compiler`.
        public var reason: String
        /// Functions, places or variables that the reason is about.
        public var names: [String]

        /// Makes a reason.
        public init(_ reason: String, _ names: [String] = []) {
            self.reason = reason
            self.names = names
        }
    }

    /// Where two versions of a function part.
    public struct Difference: Codable, Equatable, Sendable {
        /// Offset into the function, in bytes.
        public var offset: Int
        /// Instruction there before the diff, as the disassembler prints it.
        public var before: String
        /// Instruction there after the diff.
        public var after: String

        /// Makes an entry.
        public init(offset: Int, before: String, after: String) {
            self.offset = offset
            self.before = before
            self.after = after
        }
    }

    /// One variable or constant.
    public struct Data: Codable, Equatable, Sendable {
        /// Its symbol.
        public var name: String
        /// The translation unit.
        public var unit: String
        /// What changed: `new-read-only`, `new-writable`, `changed-read-only`, `changed-initial-value`, `removed`.
        public var change: String
        /// What that means for a running process, in one sentence.
        public var effect: String

        /// Makes an entry.
        public init(name: String, unit: String, change: String, effect: String) {
            self.name = name
            self.unit = unit
            self.change = change
            self.effect = effect
        }
    }
}
