import Linux
import LivePatch

extension KernelPatcher {
    /// The applied patches that a word means: a name, a module, an advisory, or the start of a diff's digest.
    public func find(_ word: String) throws(KernelPatcherError) -> [LoadedPatch] {
        try patches().filter { Self.isMeant($0, by: word) }
    }

    static func isMeant(_ patch: LoadedPatch, by word: String) -> Bool {
        if patch.module == word || patch.name == word { return true }
        guard let description = patch.description else { return false }
        if description.advisories.contains(word) { return true }
        return word.utf8.count >= 8 && description.changes.contains { $0.description.hasPrefix(word) }
    }
}
