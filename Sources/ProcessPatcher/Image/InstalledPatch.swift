public import ELF
public import Linux
public import LivePatch

/// What an image in a process says about itself: which patch, which functions, and how far it got.
///
/// It is all that `status`, `undo` and recovery need, so no file of ours has to survive. The process could have
/// forged it: everything read back is bounds-checked, and undoing writes only what it names into the same
/// process.
public struct InstalledPatch: Sendable, Equatable {
    /// How far the transaction of an image got; written as one aligned word.
    public enum State: UInt32, Sendable, Codable {
        /// Mapped and linked; no byte of the target was changed.
        case prepared = 1
        /// Trampolines are being written; each site holds its old or its new bytes.
        case committing = 2
        /// All trampolines stand.
        case committed = 3
        /// Original bytes are being put back.
        case undoing = 4
        /// Not in use: all sites hold their original bytes; kept to be used again.
        case undone = 5
    }

    /// One replaced function.
    public struct Function: Sendable, Equatable {
        /// Its symbol name.
        public var name: String
        /// The old code, whole.
        public var old: RemoteRange
        /// Its parts elsewhere.
        public var parts: [RemoteRange]
        /// Where the trampoline stands.
        public var site: RemoteAddress
        /// The program's own bytes at the site.
        public var original: [UInt8]
        /// The trampoline.
        public var trampoline: [UInt8]
        /// The new code's entry.
        public var entry: RemoteAddress
    }

    /// A piece of the target's read-only data that was written over.
    public struct DataWrite: Sendable, Equatable {
        /// Its symbol name.
        public var name: String
        /// Where it is.
        public var site: RemoteAddress
        /// The program's own bytes.
        public var original: [UInt8]
        /// The new bytes, as many.
        public var replacement: [UInt8]
    }

    /// A piece of new code, to name addresses in stacks.
    public struct CodeSymbol: Sendable, Equatable {
        /// Its symbol name.
        public var name: String
        /// Where it lies.
        public var range: RemoteRange
    }

    /// How far it got.
    public var state: State
    /// Which process made or changed it last; meaningful in the states that can be left half-done.
    public var patcher: PatcherIdentity
    /// Equal for all images of one transaction.
    public var transaction: UInt64
    /// The patch's name.
    public var name: String
    /// Digest of the patch file.
    public var patch: Digest
    /// The diffs that it was made from.
    public var changes: [Digest]
    /// The binary that this image serves.
    public var target: BuildID
    /// That binary's name for people.
    public var targetName: String
    /// What was added to the target file's addresses in this process.
    public var bias: UInt64
    /// Where the image lies.
    public var image: RemoteRange
    /// Length of the part that is executed, from the image's start.
    public var codeSize: UInt64
    /// The new instructions.
    public var text: RemoteRange
    /// The unwind tables of the new code.
    public var unwindTables: [RemoteRange]
    /// The functions that it replaces.
    public var functions: [Function]
    /// The new code by name.
    public var symbols: [CodeSymbol]
    /// The read-only data that it changes.
    public var dataWrites: [DataWrite] = []
    /// What the unwinder of the C++ runtime notes of each unwind table, in the tables' order.
    ///
    /// Empty if the process has no such unwinder. A table is registered once its note isn't zero.
    public var registrations: [RemoteAddress] = []

    /// The author's hooks, and the root of the shadow variables.
    public var hooks: [Hook] = []

    /// One hook of a patch in a process.
    public struct Hook: Sendable, Equatable {
        /// When it runs.
        public var kind: PatchHook.Kind
        /// The function's name.
        public var name: String
        /// Where its record lies, in the image's writable part.
        public var record: RemoteAddress
    }

    /// The part that is executed.
    public var code: RemoteRange { RemoteRange(start: image.start, count: codeSize) }
}

/// A patching process, told apart from a later one with the same number by its start time.
public struct PatcherIdentity: Sendable, Equatable {
    /// Its number in its own PID namespace.
    public var process: ProcessID
    /// Its start in clock ticks since boot.
    public var startTime: UInt64
    /// Its PID namespace.
    ///
    /// A number says nothing in another one.
    public var namespace: UInt64
}
