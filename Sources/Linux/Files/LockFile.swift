import CLinux
import Glibc

/// A lock between processes, held while this value lives: flock(2) on a file that names its holder.
///
/// The kernel drops the lock when the holder dies, however that happens; the file stays, harmless.
public struct LockFile: ~Copyable, Sendable {
    private let file: OwnedDescriptor

    /// Takes the lock if it is free.
    ///
    /// - Returns: the lock, or who holds it.
    public static func take(_ path: String, as holder: String) throws(SystemError) -> Attempt {
        let file = try OwnedDescriptor.open(path, [.readWrite, .create, .noFollow], mode: 0o600)
        let result = retryingInterrupts { linux_flock(file.rawValue, LOCK_EX | LOCK_NB) }
        if result.error == .tryAgain {
            return .held(by: try FileSystem.readText(path, limit: 4096))
        }
        try result.check("flock", path)
        try SystemCallResult(linux_ftruncate(file.rawValue, 0)).check("ftruncate", path)
        try file.writeAll(Array("\(holder) (process \(ProcessID.current))".utf8), name: path)
        return .taken(LockFile(file: file))
    }

    private init(file: consuming OwnedDescriptor) { self.file = file }

    /// What an attempt to take a lock brought.
    public enum Attempt: ~Copyable, Sendable {
        /// The lock is ours until the value goes away.
        case taken(LockFile)
        /// Somebody else has it: the name it left.
        case held(by: String)
    }
}
