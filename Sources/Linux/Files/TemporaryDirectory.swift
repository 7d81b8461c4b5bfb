/// A new, empty directory that only this user can read.
///
/// Removed with everything inside when the value goes out of scope, unless it was kept.
public struct TemporaryDirectory: ~Copyable, Sendable {
    /// Where it is.
    public let path: String
    private var isKept = false

    /// Makes a directory below `parent`, with a name of this prefix.
    ///
    /// One that exists already is never taken: somebody else may have made it to lay a trap.
    public init(prefix: String = "tsugite", below parent: String = "/tmp") throws(SystemError) {
        let random = String(UInt64.random(in: 0 ... .max), radix: 36)
        path = "\(parent)/\(prefix)-\(ProcessID.current)-\(random)"
        try FileSystem.makeNewDirectory(path, mode: 0o700)
    }

    deinit {
        if !isKept { try? Directory.removeTree(path) }
    }

    /// Leaves the directory where it is, for somebody to look at.
    public consuming func keep() -> String {
        isKept = true
        return path
    }
}
