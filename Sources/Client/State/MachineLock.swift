import Findings
import Linux

/// The right to change this machine, held by one command at a time.
public final class MachineLock {
    private let file: LockFile

    private init(file: consuming LockFile) { self.file = file }

    /// Waits for the lock.
    /// - Throws: `CLI-LOCKED`, naming who holds it, when the time is up.
    public static func take(_ paths: Paths, as holder: String, wait: Duration) throws(ClientError) -> MachineLock {
        let deadline = MonotonicTime.now.advanced(by: wait)
        try asClient { () throws(SystemError) in try FileSystem.makeDirectory(FileSystem.parent(of: paths.lock)) }
        while true {
            switch try asClient({ () throws(SystemError) in try LockFile.take(paths.lock, as: holder) }) {
            case .taken(let file): return MachineLock(file: file)
            case .held(let name):
                guard MonotonicTime.now < deadline else {
                    throw ClientError(
                        .clientLocked, "\(name) is changing this machine", ["holder": name, "lock": paths.lock])
                }
                Nap.nanoseconds(100_000_000)
            }
        }
    }
}
