import Crypto
import Findings
import Glibc
import Linux

/// The few operations on files that channels need, with typed errors.
///
/// Writing is always atomic and durable: the new content stands in a temporary file beside the old one, is
/// forced to the disk, and takes the name in one step (rename(2)); then the folder is forced too. At any
/// instant, power cut included, the name leads to the old content or the new, whole.
enum Files {
    private static func failure(_ call: String, _ path: String, _ number: Int32) -> ChannelError {
        // strerror returns a C string that is never freed for known numbers.
        ChannelError(.file, path, "\(call): \(unsafe String(cString: strerror(number)))")
    }

    /// Reads a whole file; `nil` if there is none.
    static func read(_ path: String, limit: Int) throws(ChannelError) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let number = errno
            if number == ENOENT || number == ENOTDIR { return nil }
            throw failure("open", path, number)
        }
        defer { close(descriptor) }
        var all: [UInt8] = []
        try forEachPiece(of: descriptor, path) { piece throws(ChannelError) in
            guard piece.count <= limit - all.count else {
                throw ChannelError(.tooLong, path, "more than \(limit) bytes")
            }
            all.append(contentsOf: piece)
        }
        return all
    }

    /// Calls `body` with consecutive pieces of a file.
    /// - Throws: `notFound` if there is none.
    static func forEachPiece(
        of path: String, _ body: ([UInt8]) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let number = errno
            if number == ENOENT || number == ENOTDIR || number == EACCES {
                throw ChannelError(.notFound, path, "no such file, or no right to read it")
            }
            throw failure("open", path, number)
        }
        defer { close(descriptor) }
        try forEachPiece(of: descriptor, path, body)
    }

    private static func forEachPiece(
        of descriptor: Int32, _ path: String, _ body: ([UInt8]) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        let size = 1 << 16
        while true {
            var got = 0
            // read(2) writes at most `size` bytes into the buffer of that capacity.
            let piece = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                repeat {
                    got = unsafe Glibc.read(descriptor, buffer.baseAddress, size)
                } while got < 0 && errno == EINTR
                count = max(got, 0)
            }
            guard got >= 0 else { throw failure("read", path, errno) }
            guard got > 0 else { return }
            try body(piece)
        }
    }

    /// Replaces (or makes) a file in one step.
    static func replace(_ path: String, with bytes: [UInt8], mode: mode_t = 0o644) throws(ChannelError) {
        let file = try TemporaryFile(beside: path, mode: mode)
        try file.append(bytes)
        try file.take(name: path)
    }

    /// Makes a folder and those above it.
    static func makeFolder(_ path: String, mode: mode_t = 0o755) throws(ChannelError) {
        if unsafe mkdir(path, mode) == 0 || errno == EEXIST { return }
        let number = errno
        let parent = folder(of: path)
        guard number == ENOENT, parent != path, !parent.isEmpty else { throw failure("mkdir", path, number) }
        try makeFolder(parent, mode: mode)
        guard unsafe mkdir(path, mode) == 0 || errno == EEXIST else { throw failure("mkdir", path, errno) }
    }

    /// The names in a folder, sorted; none if there is no such folder.
    static func names(in path: String) throws(ChannelError) -> [String] {
        guard let stream = unsafe opendir(path) else {
            if errno == ENOENT { return [] }
            throw failure("opendir", path, errno)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        // The stream is open until the end of this function; each entry is copied before the next is read.
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The length of a regular file; `nil` if there is none.
    static func length(_ path: String) -> Int? {
        var status = stat()
        // `status` is a local of the type that stat fills.
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(status.st_size)
    }

    /// Bytes that an unprivileged writer may still use on the file system of a folder.
    static func freeBytes(under path: String) throws(ChannelError) -> UInt64 {
        var facts = statvfs()
        // `facts` is a local of the type that the call fills.
        guard unsafe statvfs(path, &facts) == 0 else { throw failure("statvfs", path, errno) }
        return UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize)).partialValue
    }

    /// Whether there is a folder of that name; a symbolic link isn't one.
    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        // `status` is a local of the type that lstat fills.
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The SHA-256 of a regular file in hex; `nil` if there is none.
    static func sha256(_ path: String) throws(ChannelError) -> String? {
        guard length(path) != nil else { return nil }
        var hash = SHA256()
        try forEachPiece(of: path) { piece throws(ChannelError) in hash.update(data: piece) }
        return Hex.encode(hash.finalize())
    }

    /// Removes what writers that died left in a folder and below: temporary files, by their names.
    static func removeLeavings(under folder: String) throws(ChannelError) {
        for name in try names(in: folder) {
            let path = "\(folder)/\(name)"
            if isFolder(path) {
                try removeLeavings(under: path)
            } else if name.hasPrefix("."), name.hasSuffix(".tmp") {
                try remove(path)
            }
        }
    }

    /// Removes a file; it's fine if there is none.
    static func remove(_ path: String) throws(ChannelError) {
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw failure("unlink", path, errno) }
    }

    /// Gives a file a second name; `false` if the file system can't, or the name is taken.
    static func link(_ path: String, as other: String) -> Bool { unsafe Glibc.link(path, other) == 0 }

    /// Gives a file another name in one step.
    static func rename(_ path: String, to other: String) throws(ChannelError) {
        guard unsafe Glibc.rename(path, other) == 0 else { throw failure("rename", other, errno) }
    }

    /// Forces a folder's entries to the disk.
    static func synchronise(folder path: String) throws(ChannelError) {
        let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path, errno) }
        defer { close(descriptor) }
        // Some network file systems can't; then there is nothing more that we could do.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw failure("fsync", path, errno) }
    }

    /// Forces everything on the file system of that folder to the disk: one call instead of thousands.
    static func synchroniseAll(under path: String) throws(ChannelError) {
        do {
            let folder = try OwnedDescriptor.open(path, [.readOnly, .directory])
            try folder.synchroniseFileSystem(name: path)
        } catch {
            throw ChannelError(.file, path, error.finding.message)
        }
    }

    /// The folder part of a path.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

/// A file without a final name yet; goes away unless it takes one.
final class TemporaryFile {
    private let path: String
    private let descriptor: Int32
    private var isNamed = false

    /// Opens one in the folder of `target`.
    init(beside target: String, mode: mode_t = 0o644) throws(ChannelError) {
        let name = String(target.split(separator: "/").last ?? "file").prefix(100)
        path = "\(Files.folder(of: target))/.\(name).\(UInt64.random(in: 0 ... .max)).tmp"
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw Self.failure("open", path, errno) }
    }

    deinit {
        close(descriptor)
        if !isNamed { _ = unsafe unlink(path) }
    }

    /// Writes all bytes at the end.
    func append(_ bytes: [UInt8]) throws(ChannelError) {
        var done = 0
        while done < bytes.count {
            // The offset is inside the array, and the length is what lies behind it.
            let wrote = unsafe bytes.withUnsafeBytes {
                unsafe write(descriptor, $0.baseAddress.map { unsafe $0 + done }, bytes.count - done)
            }
            if wrote < 0, errno == EINTR { continue }
            guard wrote >= 0 else { throw Self.failure("write", path, errno) }
            done += wrote
        }
    }

    /// Forces the content to the disk and takes a name, replacing what had it.
    /// - Parameter isDurable: `false` leaves forcing to a later ``Files/synchroniseAll(under:)``.
    func take(name: String, isDurable: Bool = true) throws(ChannelError) {
        if isDurable {
            guard fsync(descriptor) == 0 else { throw Self.failure("fsync", path, errno) }
        }
        try Files.rename(path, to: name)
        isNamed = true
        if isDurable { try Files.synchronise(folder: Files.folder(of: name)) }
    }

    private static func failure(_ call: String, _ path: String, _ number: Int32) -> ChannelError {
        // strerror returns a C string that is never freed for known numbers.
        ChannelError(.file, path, "\(call): \(unsafe String(cString: strerror(number)))")
    }
}
