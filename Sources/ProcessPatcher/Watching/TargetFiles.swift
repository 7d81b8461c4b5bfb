import ELF
import Linux
import LivePatch

// Which files are to be watched. Marks are on files, not on names, so one mark serves every mount namespace and every
// hard link; each overlay has files of its own. Two ways lead to them:
//
//   what runs      files that processes have mapped, by the build-id in their memory, wherever they lie
//   what may run   files of a target's name in the folders of libraries and programs, in every root that a process has

/// Finds the files of targets.
struct TargetFiles {
    private let names: [BuildID: String]
    private let extra: [String]
    private var looked: Set<FileIdentity> = []
    private var roots: Set<Root> = []
    private(set) var count = 0

    private struct Root: Hashable {
        let namespace: UInt64
        let root: FileIdentity
        let mounts: Int
    }

    private static let folders = [
        "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib",
        "/usr/local/lib", "/usr/local/lib/x86_64-linux-gnu", "/usr/bin", "/bin", "/usr/sbin", "/sbin",
        "/usr/local/bin",
        "/usr/local/sbin",
    ]

    /// Prepares.
    ///
    /// - Parameter extra: files that are looked at, too, or folders whose files are.
    init(_ patches: [PatchInput], extra: [String]) {
        names = Dictionary(
            patches.flatMap { $0.patch.targets.map { ($0.buildID, $0.name) } }, uniquingKeysWith: { a, _ in a })
        self.extra = extra
    }

    /// Watches what is there now and wasn't before.
    mutating func refresh(_ queue: StartQueue) throws(PatcherError) {
        for path in extra { look(path, queue) }
        var scan = ProcessScan()
        for path in try scan.files(mapping: Set(names.keys)) { mark(path, queue) }
        let all = try onProcess(.current) { () throws(SystemError) in try ProcessList.now() }
        for process in all { look(process, queue) }
    }

    private mutating func look(_ process: ProcessID, _ queue: StartQueue) {
        let folder = "/proc/\(process)/root"
        guard let namespace = try? ProcessFiles.namespace("mnt", of: process), let facts = try? FileFacts.of(folder)
        else { return }
        var reader = ProcReader()
        // A namespace that gets more mounts is looked at again.
        guard (try? reader.read("/proc/\(process)/mountinfo")) != nil else { return }
        let mounts = reader.contents { $0.count }
        guard roots.insert(Root(namespace: namespace, root: facts.identity, mounts: mounts)).inserted else {
            return
        }
        for name in Self.folders { look(folder + name, queue) }
    }

    private mutating func look(_ path: String, _ queue: StartQueue) {
        guard let facts = try? FileFacts.of(path) else { return }
        guard facts.isDirectory else {
            consider(path, queue)
            return
        }
        guard let entries = try? Directory.entries(of: path) else { return }
        let stems = Set(names.values.map { Self.stem($0) })
        for entry in entries where stems.contains(Self.stem(entry.name)) {
            consider("\(path)/\(entry.name)", queue)
        }
    }

    /// `libz` of `libz.so.1.2.13` and `libz-1.2.so`; other names as they are.
    private static func stem(_ name: String) -> Substring {
        guard let dot = name.firstRange(of: ".so") else { return name[...] }
        let stem = name[..<dot.lowerBound]
        // glibc 2.33 and older named its files libc-2.31.so.
        guard let dash = stem.lastIndex(of: "-"), stem[stem.index(after: dash)...].first?.isNumber == true else {
            return stem
        }
        return stem[..<dash]
    }

    /// Watches a file if it is a target.
    private mutating func consider(_ path: String, _ queue: StartQueue) {
        guard let facts = try? FileFacts.of(path), facts.isRegular, !looked.contains(facts.identity) else { return }
        looked.insert(facts.identity)
        guard let file = try? ELFFile(ByteStorage(reading: path)), let id = (try? file.buildID()) ?? nil,
            names[id] != nil
        else { return }
        watch(path, queue)
    }

    private mutating func mark(_ path: String, _ queue: StartQueue) {
        guard let facts = try? FileFacts.of(path), looked.insert(facts.identity).inserted else { return }
        watch(path, queue)
    }

    private mutating func watch(_ path: String, _ queue: StartQueue) {
        guard (try? queue.add(path, .opening)) != nil else { return }
        try? queue.add(path, .execution)
        count += 1
    }
}
