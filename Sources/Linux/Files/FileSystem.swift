import CLinux
import Glibc

/// Whole files and directories, by path.
public enum FileSystem {
    /// Reads a file whole.
    ///
    /// - Parameter limit: a larger file is refused with EFBIG before memory is taken for it.
    public static func read(_ path: String, limit: Int = 1 << 30) throws(SystemError) -> [UInt8] {
        let file = try OwnedDescriptor.open(path)
        let size = try FileFacts.of(file).size
        guard let size = Int(exactly: size), size <= limit else {
            throw SystemError(call: "read", errno: .fileTooLarge, object: path)
        }
        // One byte more shows the end without a second growth.
        var bytes = [UInt8](repeating: 0, count: size + 1)
        let count = try file.readAll(into: &bytes, limit: limit, name: path)
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    /// Reads a file whole as text; what isn't UTF-8 becomes U+FFFD.
    public static func readText(_ path: String, limit: Int = 64 << 20) throws(SystemError) -> String {
        String(decoding: try read(path, limit: limit), as: UTF8.self)
    }

    /// Replaces a file as a whole: at any instant, also of a power cut, the name leads to the old contents
    /// or to the new ones.
    ///
    /// A temporary file beside it is written, synchronised and renamed.
    public static func replace(
        _ path: String, with bytes: [UInt8], mode: UInt32 = 0o644
    ) throws(SystemError) {
        let temporary = "\(path).\(ProcessID.current).\(UInt32.random(in: 0 ... .max)).new"
        let file = try OwnedDescriptor.open(temporary, [.writeOnly, .create, .exclusive], mode: mode)
        do throws(SystemError) {
            try file.writeAll(bytes, name: temporary)
            try file.synchronise(name: temporary)
            try rename(temporary, to: path)
        } catch {
            try? remove(temporary)
            throw error
        }
        try OwnedDescriptor.open(parent(of: path), [.readOnly, .directory]).synchronise(name: path)
    }

    /// Replaces a file as a whole by text, see ``replace(_:with:mode:)-([UInt8])``.
    public static func replace(
        _ path: String, with text: String, mode: UInt32 = 0o644
    ) throws(SystemError) {
        try replace(path, with: Array(text.utf8), mode: mode)
    }

    /// Gives a file another name, replacing what had it: renameat(2).
    public static func rename(_ path: String, to other: String) throws(SystemError) {
        // Sound: both strings are passed as terminated copies that live through the call.
        try unsafe SystemCallResult(linux_rename_at(LINUX_AT_FDCWD, path, LINUX_AT_FDCWD, other))
            .check("renameat", path)
    }

    /// Removes a file, or a link: unlinkat(2).
    public static func remove(_ path: String) throws(SystemError) {
        // Sound: the string is passed as a terminated copy that lives through the call.
        try unsafe SystemCallResult(linux_unlink_at(LINUX_AT_FDCWD, path, 0)).check("unlinkat", path)
    }

    /// Makes a directory; one that exists is refused with EEXIST: mkdirat(2).
    public static func makeNewDirectory(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
        // Sound: the string is passed as a terminated copy that lives through the call.
        try unsafe SystemCallResult(linux_mkdir_at(LINUX_AT_FDCWD, path, mode)).check("mkdirat", path)
    }

    /// Makes a directory, and those above it that are missing; one that exists is fine.
    public static func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
        do throws(SystemError) {
            try makeNewDirectory(path, mode: mode)
        } catch {
            if error.errno == .fileExists, try FileFacts.of(path).isDirectory { return }
            guard error.errno == .noSuchFile, parent(of: path) != path else { throw error }
            try makeDirectory(parent(of: path), mode: mode)
            try makeDirectory(path, mode: mode)
        }
    }

    /// Makes a symbolic link: symlink(2).
    ///
    /// One that is there already is left as it is.
    public static func link(_ path: String, to target: String) throws(SystemError) {
        // Sound: the strings are passed as terminated copies that live through the call.
        let answer = unsafe SystemCallResult(linux_symlink(target, path))
        if answer.error == .fileExists { return }
        try answer.check("symlink", path)
    }

    /// Bytes that an ordinary writer may still use on the file system that holds `path`: statvfs(3).
    public static func freeBytes(at path: String) throws(SystemError) -> UInt64 {
        var bytes: UInt64 = 0
        // Sound: the call writes one 64-bit word.
        try unsafe SystemCallResult(linux_free_bytes(path, &bytes)).check("statvfs", path)
        return bytes
    }

    /// The path without its last part: `/` for a name directly below it, `.` for a bare name.
    public static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: 0x2f) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
