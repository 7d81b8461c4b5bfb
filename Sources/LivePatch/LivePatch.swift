public import ELF

/// One live patch: new code and data for one or more targets, with all that is needed to prove, place and
/// undo it.
///
/// The model is what `PatchBuilder` writes and the patchers read; on disk it is one relocatable ELF object
/// (`NAME.tsp`, see docs/formats/tsp.md). It knows nothing about processes, compilers or channels.
public struct LivePatch: Sendable, Equatable {
    /// A short name for people, such as `CVE-2025-23419`: letters, digits, `.`, `_`, `+`, `-`.
    public var name: String
    /// The processor for which the code was made.
    public var machine: Machine
    /// Digests of the diffs that made the patch, in order.
    ///
    /// A patch whose changes include all of another's may replace it; see ``covers(_:)``.
    public var changes: [Digest]
    /// The binaries that the patch is for.
    public var targets: [PatchTarget]
    /// The new code and data of all targets.
    public var object: PatchObject
    /// The manifest, JSON (see ``Manifest``); explains, never decides.
    public var manifest: [UInt8]
    /// The source diff as given, all of them one after the other.
    public var diff: [UInt8]
    /// Provenance statement, JSON; empty if none.
    public var provenance: [UInt8]

    /// Makes a patch from its parts; ``validate()`` checks them against each other.
    public init(
        name: String, machine: Machine, changes: [Digest], targets: [PatchTarget], object: PatchObject,
        manifest: [UInt8] = [], diff: [UInt8] = [], provenance: [UInt8] = []
    ) {
        self.name = name
        self.machine = machine
        self.changes = changes
        self.targets = targets
        self.object = object
        self.manifest = manifest
        self.diff = diff
        self.provenance = provenance
    }

    /// Whether this patch holds every change of another one, so that replacing the other loses no fix.
    public func covers(_ others: [Digest]) -> Bool {
        let mine = Set(changes)
        return others.allSatisfy(mine.contains)
    }
}

/// One binary that a patch is for, named by its build-id.
public struct PatchTarget: Sendable, Equatable {
    /// The file's name for people: soname or base name, such as `libssl.so.3`.
    public var name: String
    /// The exact binary.
    public var buildID: BuildID
    /// Whether it is an executable at a fixed address (`.executable`) or position independent (`.shared`).
    public var type: FileType
    /// The sections of the patch's object that this target loads, by index into ``PatchObject/sections``.
    public var sections: [Int]
    /// The functions that get a trampoline.
    public var functions: [ReplacedFunction]
    /// Where each undefined symbol that the sections use is found.
    public var externals: [ExternalSymbol]
    /// Where thread-local variables of the target are found; `nil` if the new code uses none.
    public var threadStorage: ThreadStorage?
    /// Read-only data that is written over in place, with leave of the operator.
    public var dataWrites: [DataWrite]
    /// The author's hooks, in order.
    public var hooks: [PatchHook] = []

    /// Makes a target from its parts.
    public init(
        name: String, buildID: BuildID, type: FileType, sections: [Int], functions: [ReplacedFunction],
        externals: [ExternalSymbol], threadStorage: ThreadStorage? = nil, dataWrites: [DataWrite] = [],
        hooks: [PatchHook] = []
    ) {
        self.dataWrites = dataWrites
        self.hooks = hooks
        self.name = name
        self.buildID = buildID
        self.type = type
        self.sections = sections
        self.functions = functions
        self.externals = externals
        self.threadStorage = threadStorage
    }
}

/// One function of a target that calls shall no longer reach.
public struct ReplacedFunction: Sendable, Equatable {
    /// The function's symbol name.
    public var name: String
    /// Virtual address in the target's file, before the load bias is added.
    public var address: UInt64
    /// Length in bytes, without padding behind it.
    public var size: UInt64
    /// Bytes at the entry that stay as they are (an `endbr64`), before the trampoline.
    public var entrySkip: Int
    /// The proven bytes from ``address`` on: the whole function and, where it is too short for the
    /// trampoline, the proven padding behind it.
    public var original: [UInt8]
    /// Index of the new function in ``PatchObject/symbols``.
    public var replacement: Int
    /// Parts of the function elsewhere (`.cold`, `.part`): nobody may be executing there either.
    public var parts: [CodeRange]

    /// Makes an entry of the table of functions.
    public init(
        name: String, address: UInt64, size: UInt64, entrySkip: Int, original: [UInt8], replacement: Int,
        parts: [CodeRange] = []
    ) {
        self.name = name
        self.address = address
        self.size = size
        self.entrySkip = entrySkip
        self.original = original
        self.replacement = replacement
        self.parts = parts
    }
}

/// A piece of the target's read-only data that the patch writes over.
public struct DataWrite: Sendable, Equatable {
    /// The symbol that it belongs to.
    public var name: String
    /// Virtual address in the target's file, before the load bias is added.
    public var address: UInt64
    /// The proven bytes: what undoing puts back.
    public var original: [UInt8]
    /// The new bytes, as many.
    public var replacement: [UInt8]

    /// Makes a write.
    public init(name: String, address: UInt64, original: [UInt8], replacement: [UInt8]) {
        self.name = name
        self.address = address
        self.original = original
        self.replacement = replacement
    }
}

/// Some code of the target outside the function's own range, with its proven bytes.
public struct CodeRange: Sendable, Equatable {
    /// Virtual address in the target's file, before the load bias is added.
    public var address: UInt64
    /// The proven bytes.
    public var original: [UInt8]

    /// Makes a range.
    public init(address: UInt64, original: [UInt8]) {
        self.address = address
        self.original = original
    }
}

/// Where an undefined symbol of the new code is found.
public struct ExternalSymbol: Sendable, Equatable {
    /// The way to the symbol's address.
    ///
    /// All addresses are the target file's own, before the load bias.
    public enum Source: Sendable, Equatable {
        /// Inside the target, at that address: a function, a variable, or a PLT stub.
        case target(address: UInt64)
        /// The pointer that the dynamic linker stored in the target's slot at that address (GOT).
        case slot(address: UInt64)
        /// By name among the modules of the process, in its search order; `version` as in `GLIBC_2.34`.
        case lookup(name: String, version: String?, weak: Bool)
        /// A thread-local variable, at that offset into the target's TLS segment.
        case threadLocal(offset: UInt64)
    }

    /// Index into ``PatchObject/symbols``.
    public var symbol: Int
    /// Where it is found.
    public var source: Source

    /// Makes an entry.
    public init(symbol: Int, source: Source) {
        self.symbol = symbol
        self.source = source
    }
}

/// How to learn where the target's thread-local block lies in each thread.
public enum ThreadStorage: Sendable, Equatable {
    /// The target is the executable: its block ends at the thread pointer and is `blockSize` bytes long,
    /// alignment included; its module id is 1.
    case executable(blockSize: UInt64)
    /// What the dynamic linker stored in slots of the target's GOT: the module id (`DTPMOD64`), and the
    /// offset from the thread pointer (`TPOFF64`) of the variable at `variable` in the TLS segment.
    case slots(module: UInt64?, offset: UInt64?, variable: UInt64)
}
