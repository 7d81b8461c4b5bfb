import Findings
import Linux

/// Keeps others from working on the same kernel's folder: while a fix is compiled, its texts stand in the tree.
struct KernelLock: ~Copyable {
    private let lock: LockFile

    /// Waits until the folder is free.
    static func wait(_ folder: String) throws(BuildError) -> KernelLock {
        try WorkFolder.make(folder)
        while true {
            let attempt: LockFile.Attempt
            do throws(SystemError) {
                attempt = try LockFile.take(folder + "/.lock", as: "tsugite build --kernel")
            } catch {
                throw BuildError(error, path: folder)
            }
            switch consume attempt {
            case .taken(let lock): return KernelLock(lock: lock)
            case .held: Nap.nanoseconds(200_000_000)
            }
        }
    }

    /// Lets others go on.
    consuming func release() {}
}
