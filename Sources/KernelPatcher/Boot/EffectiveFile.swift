import Linux

/// The file that tells other programs which version's fixes the running kernel has: `/run/tsugite/kernel`.
///
/// One line, the version; empty if it can't be told. Scanners read it instead of uname(1).
public enum EffectiveFile {
    /// Where it is.
    public static let path = "/run/tsugite/kernel"

    /// Writes what the running kernel is now.
    public static func update(_ patcher: KernelPatcher = KernelPatcher()) throws(KernelPatcherError) {
        let effective = try EffectiveKernel.current(patcher)
        try system { () throws(SystemError) in
            try FileSystem.makeDirectory(FileSystem.parent(of: path))
            try FileSystem.replace(path, with: (effective.version ?? "") + "\n")
        }
    }
}
