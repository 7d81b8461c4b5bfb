import CLinux

/// A directory of numbers that is listed again and again: `/proc`, `/proc/PID/task`.
///
/// Opened once; each listing is a rewind and one getdents64(2) for about 500 entries. After the first,
/// nothing is allocated unless the answer outgrows the caller's array.
public struct NumberedDirectory: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor
    private let path: String
    private var buffer: [UInt8]

    /// Opens the directory.
    public init(_ path: String) throws(SystemError) {
        self.path = path
        descriptor = try OwnedDescriptor.open(path, [.readOnly, .directory])
        buffer = [UInt8](repeating: 0, count: 16 << 10)
    }

    /// Passes every number that is a name in the directory now.
    ///
    /// Entries that come or go meanwhile may be seen or not.
    @inline(__always)
    public mutating func forEach(_ body: (Int32) -> Void) throws(SystemError) {
        try SystemCallResult(linux_rewind(descriptor.rawValue)).check("lseek", path)
        while true {
            let descriptor = descriptor.rawValue
            // Sound: the kernel writes at most the array's bytes.
            let result = unsafe buffer.withUnsafeMutableBytes { bytes in
                retryingInterrupts {
                    unsafe linux_getdents(descriptor, bytes.baseAddress, bytes.count)
                }
            }
            let count = try result.check("getdents64", path)
            if count == 0 { return }
            guard DirectoryEntries.forEachNumber(in: buffer.span.extracting(0..<count), body) else {
                throw SystemError(call: "getdents64", errno: .badMessage, object: path)
            }
        }
    }
}

extension NumberedDirectory {
    /// Reads the beginning of a file below the directory into the listing's buffer, in one read; nil if it isn't there.
    ///
    /// Enough for the kernel's one-line files, which are handed out whole.
    @inline(__always)
    mutating func first<Result>(of name: String, _ body: (Span<UInt8>) -> Result?) -> Result? {
        guard let file = try? descriptor.open(name) else { return nil }
        // Sound: the kernel writes at most the array's bytes.
        let got = unsafe buffer.withUnsafeMutableBytes { unsafe file.read(into: $0) }
        guard let count = try? got.check("read", name), count > 0 else { return nil }
        return body(buffer.span.extracting(0..<count))
    }
}

/// All processes of this PID namespace: the numbers under `/proc`.
public struct ProcessList: ~Copyable, Sendable {
    private var directory: NumberedDirectory

    /// Opens `/proc`.
    public init() throws(SystemError) { directory = try NumberedDirectory("/proc") }

    /// Replaces `processes` by those that exist now, ascending.
    ///
    /// Its storage is used again.
    public mutating func read(into processes: inout [ProcessID]) throws(SystemError) {
        processes.removeAll(keepingCapacity: true)
        try directory.forEach { processes.append(ProcessID($0)) }
    }

    /// The processes that exist now, ascending.
    public static func now() throws(SystemError) -> [ProcessID] {
        var list = try ProcessList()
        var processes: [ProcessID] = []
        try list.read(into: &processes)
        return processes
    }
}

/// All threads of one process: the numbers under `/proc/PID/task`.
public struct ThreadList: ~Copyable, Sendable {
    private var directory: NumberedDirectory

    /// Opens the list of a process; it stays with that process even if the number is reused.
    public init(of process: ProcessID) throws(SystemError) {
        directory = try NumberedDirectory("/proc/\(process)/task")
    }

    /// Replaces `threads` by those that exist now.
    ///
    /// Its storage is used again.
    ///
    /// - Throws: ESRCH or ENOENT once the process has ended.
    public mutating func read(into threads: inout [ThreadID]) throws(SystemError) {
        threads.removeAll(keepingCapacity: true)
        try directory.forEach { threads.append(ThreadID($0)) }
    }

    /// The state of one of the threads as in ``ProcessStat/state``; nil once it has ended.
    ///
    /// The thread's own file is read, relative to the open list. `/proc/TID/stat` would say the same, but adds up the
    /// times of all threads of the process first: the square of their number if each is asked.
    public mutating func state(of thread: ThreadID) -> Character? {
        directory.first(of: "\(thread)/stat") { ProcessStat.state(in: $0) }
    }

    /// Whether a thread is one of this process.
    ///
    /// Opens nothing.
    public static func isOwn(_ thread: ThreadID) -> Bool { FileFacts.exists("/proc/self/task/\(thread)") }

    /// The threads that a process has now.
    public static func now(of process: ProcessID) throws(SystemError) -> [ThreadID] {
        var list = try ThreadList(of: process)
        var threads: [ThreadID] = []
        try list.read(into: &threads)
        return threads
    }
}
