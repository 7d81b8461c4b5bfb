public import LivePatch

/// A patch file as it was read: the patch and what names it.
public struct PatchInput: Sendable {
    /// The patch.
    public let patch: LivePatch
    /// SHA-256 of the file.
    public let digest: Digest

    /// Makes an input; ``LivePatch/validate()`` must have accepted the patch.
    public init(_ patch: LivePatch, digest: Digest) {
        self.patch = patch
        self.digest = digest
    }

    /// Makes an input of a patch file.
    public init(_ file: PatchFile) { self.init(file.patch, digest: file.id) }
}
