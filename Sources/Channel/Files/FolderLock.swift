import Glibc

/// Excludes other processes from a folder for as long as the value lives; the kernel frees it if we die.
///
/// flock(2) on a file that also names the holder, so that whoever waits in vain can say for whom.
final class FolderLock {
    private let descriptor: Int32

    /// Takes the lock, waiting a bounded time.
    /// - Throws: `locked` naming the holder.
    init(folder: String, waitingSeconds: Int = 30) throws(ChannelError) {
        let path = "\(folder)/.lock"
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            // strerror returns a C string that is never freed for known numbers.
            throw ChannelError(.file, path, "open: \(unsafe String(cString: strerror(errno)))")
        }
        for attempt in 0... {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { break }
            guard attempt < waitingSeconds * 20 else {
                let holder = (try? Files.read(path, limit: 4096)).map { String(decoding: $0, as: UTF8.self) }
                close(descriptor)
                throw ChannelError(.locked, folder, "held by \(holder ?? "somebody")")
            }
            usleep(50_000)
        }
        ftruncate(descriptor, 0)
        let name = "process \(getpid()) since \(UTCTime.now())"
        // The count is that of the array.
        _ = unsafe Array(name.utf8).withUnsafeBytes { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    deinit { close(descriptor) }
}
