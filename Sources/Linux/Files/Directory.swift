import CLinux
import Glibc

/// An open directory: listing and removing relative to it, so that renames above don't matter.
public struct Directory: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor
    private let path: String

    /// One entry of a directory.
    public struct Entry: Hashable, Sendable {
        /// The name; bytes that aren't UTF-8 are replaced.
        public let name: String
        /// What it is.
        public let kind: Kind
    }

    /// What an entry is.
    public enum Kind: Hashable, Sendable {
        /// An ordinary file.
        case file
        /// A directory.
        case directory
        /// A symbolic link.
        case link
        /// Anything else, or a file system that doesn't say.
        case other
    }

    /// Opens a directory.
    public init(_ path: String) throws(SystemError) {
        descriptor = try OwnedDescriptor.open(path, [.readOnly, .directory])
        self.path = path
    }

    private init(_ name: String, in directory: borrowing Directory) throws(SystemError) {
        descriptor = try directory.descriptor.open(name, [.readOnly, .directory, .noFollow])
        path = directory.path + "/" + name
    }

    /// The entries but `.` and `..`, by name.
    public borrowing func entries() throws(SystemError) -> [Entry] {
        var found: [Entry] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let fd = descriptor.rawValue
        try SystemCallResult(linux_rewind(fd)).check("lseek", path)
        while true {
            // Sound: the kernel writes at most the array's bytes.
            let result = unsafe buffer.withUnsafeMutableBytes { bytes in
                retryingInterrupts { unsafe linux_getdents(fd, bytes.baseAddress, bytes.count) }
            }
            let count = try result.check("getdents64", path)
            if count == 0 { break }
            let records = buffer.span.extracting(0..<count)
            let whole = DirectoryEntries.forEach(in: records) { type, name in
                found.append(Entry(name: records.text(name), kind: Kind(type: type)))
            }
            if !whole { throw SystemError(call: "getdents64", errno: .badMessage, object: path) }
        }
        found.removeAll { $0.name == "." || $0.name == ".." }
        return found.sorted { $0.name < $1.name }
    }

    /// The entries of a directory named by path, by name.
    public static func entries(of path: String) throws(SystemError) -> [Entry] {
        try Directory(path).entries()
    }

    /// Removes everything inside, not following links.
    ///
    /// What has gone meanwhile is fine.
    public borrowing func removeContents() throws(SystemError) {
        for entry in try entries() {
            if entry.kind == .directory {
                try Directory(entry.name, in: self).removeContents()
                try remove(entry.name, LINUX_AT_REMOVEDIR)
            } else {
                try remove(entry.name, 0)
            }
        }
    }

    private borrowing func remove(_ name: String, _ flags: Int32) throws(SystemError) {
        // Sound: the string is passed as a terminated copy that lives through the call.
        let result = unsafe SystemCallResult(linux_unlink_at(descriptor.rawValue, name, flags))
        if result.error != .noSuchFile { try result.check("unlinkat", path + "/" + name) }
    }

    /// Removes a directory with everything inside, not following links; one that isn't there is fine.
    public static func removeTree(_ path: String) throws(SystemError) {
        do throws(SystemError) {
            try Directory(path).removeContents()
        } catch {
            if error.errno == .noSuchFile { return }
            throw error
        }
        // Sound: the string is passed as a terminated copy that lives through the call.
        let result = unsafe SystemCallResult(linux_unlink_at(LINUX_AT_FDCWD, path, LINUX_AT_REMOVEDIR))
        if result.error != .noSuchFile { try result.check("unlinkat", path) }
    }
}

extension Directory.Kind {
    /// From `DT_*` of getdents64(2).
    init(type: UInt8) {
        switch type {
        case 8: self = .file
        case 4: self = .directory
        case 10: self = .link
        default: self = .other
        }
    }
}
