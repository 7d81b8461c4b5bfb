public import ELF

/// What a live patch for a kernel says about itself: for which kernel it was made, and which code it replaces.
///
/// The patch file is the kernel module itself, so `insmod` and `modinfo` know it; this description stands in a
/// section of its own, `.tsugite.kernel`, which the kernel ignores.
public struct KernelPatch: Sendable, Equatable {
    /// A short name for people, such as `CVE-2025-21756`.
    public var name: String
    /// The module's name, as the kernel will know it.
    public var module: String
    /// The kernel's release.
    public var release: String
    /// The exact kernel.
    public var buildID: BuildID
    /// Digests of the diffs that made the patch, in order.
    public var changes: [Digest]
    /// Advisories that the patch answers, such as `CVE-2025-21756`.
    public var advisories: [String]
    /// The version whose fixes are all in memory with this patch, as its builder says; empty if he doesn't.
    public var effective: String
    /// Whether it replaces every other live patch.
    public var replaces: Bool
    /// The kernel and the modules that it changes.
    public var targets: [KernelPatchTarget]

    /// How the names of all our modules begin.
    public static let modulePrefix = "tsugite_"

    /// Makes a description.
    public init(
        name: String, module: String, release: String, buildID: BuildID, changes: [Digest],
        advisories: [String] = [], effective: String = "", replaces: Bool, targets: [KernelPatchTarget]
    ) {
        self.name = name
        self.module = module
        self.release = release
        self.buildID = buildID
        self.changes = changes
        self.advisories = advisories
        self.effective = effective
        self.replaces = replaces
        self.targets = targets
    }
}

/// The kernel proper, or one module, that a patch changes.
public struct KernelPatchTarget: Sendable, Equatable {
    /// `vmlinux`, or the module's name.
    public var name: String
    /// The exact module; `nil` if it has none, and for the kernel proper.
    public var buildID: BuildID?
    /// What is replaced.
    public var functions: [ReplacedKernelCode]

    /// Makes an entry.
    public init(name: String, buildID: BuildID?, functions: [ReplacedKernelCode]) {
        self.name = name
        self.buildID = buildID
        self.functions = functions
    }
}

/// One function that calls shall no longer reach, with its proven code.
public struct ReplacedKernelCode: Sendable, Equatable {
    /// The symbol.
    public var name: String
    /// Which of the symbols of that name, as the kernel counts; 0 if it is the only one.
    public var position: Int
    /// The proven bytes of the image.
    public var original: [UInt8]
    /// The bytes that the running kernel may have changed: by a table of its own, or because it was moved.
    ///
    /// Offsets from the function's start, sorted.
    public var mutable: [Range<Int>]

    /// Makes an entry.
    public init(name: String, position: Int, original: [UInt8], mutable: [Range<Int>]) {
        self.name = name
        self.position = position
        self.original = original
        self.mutable = mutable
    }

    /// Offset of the first byte of running code that isn't as proven; `nil` if all are.
    public func firstDifference(_ running: [UInt8]) -> Int? {
        guard running.count == original.count else { return min(running.count, original.count) }
        var next = mutable.startIndex
        for index in original.indices where running[index] != original[index] {
            while next < mutable.endIndex, mutable[next].upperBound <= index { next += 1 }
            if next == mutable.endIndex || !mutable[next].contains(index) { return index }
        }
        return nil
    }
}
