import ELF
import Linux

/// Looks through all processes for those that concern an operation, reading each one's mappings once.
///
/// A module is known by device and inode first, which costs nothing; only a file that wasn't met before has its
/// build-id read, from the memory of the process that maps it. So files that were deleted or replaced, and those
/// of other mount namespaces, are found like any other. This is a filter: what it lets through is proven byte by
/// byte later.
struct ProcessScan {
    /// Processes whose mappings this user may not read.
    private(set) var unreadable = 0
    private var reader = ProcReader()
    private var known: [FileIdentity: BuildID?] = [:]

    /// The processes that map one of these binaries, or all that carry our images.
    mutating func processes(mapping targets: Set<BuildID>) throws(PatcherError) -> [ProcessID] {
        try filter { (scan, process) in scan.maps(process, targets) }
    }

    /// The processes that carry images of ours.
    mutating func processesWithImages() throws(PatcherError) -> [ProcessID] {
        try filter { (scan, process) in scan.hasImage(process) }
    }

    private mutating func filter(
        _ isWanted: (inout ProcessScan, ProcessID) -> Bool
    ) throws(PatcherError) -> [ProcessID] {
        let own = ProcessID.current
        let all = try onProcess(own) { () throws(SystemError) in try ProcessList.now() }
        unreadable = 0
        var found: [ProcessID] = []
        for process in all where process != own {
            if isWanted(&self, process) { found.append(process) }
        }
        return found
    }

    private mutating func maps(_ process: ProcessID, _ targets: Set<BuildID>) -> Bool {
        var files: [(FileIdentity, RemoteAddress)] = []
        var last: (file: FileIdentity, start: RemoteAddress)?
        var end = RemoteAddress(0)
        let read = forEachMapping(process) { area, _ in
            defer { end = area.end }
            // Text on huge pages is anonymous memory in the middle of its file's mappings.
            guard area.isFile || area.start == end else { return true }
            if area.isFile, area.offset == 0 { last = (area.file, area.start) }
            if area.permissions.contains(.execute), let start = last, start.file == area.file || !area.isFile {
                files.append((start.file, start.start))
                last = nil
            }
            return true
        }
        guard read else { return false }
        for (file, start) in files {
            if known[file] == nil { known[file] = .some(buildID(process, start)) }
            if let id = known[file] ?? nil, targets.contains(id) { return true }
        }
        return false
    }

    /// Names of the files of these binaries that processes have mapped, through which they can be reached from here.
    mutating func files(mapping targets: Set<BuildID>) throws(PatcherError) -> [String] {
        var found: [FileIdentity: String] = [:]
        for process in try processes(mapping: targets) {
            let known = known
            _ = forEachMapping(process) { area, _ in
                guard area.isFile, area.offset == 0, let id = known[area.file] ?? nil, targets.contains(id) else {
                    return true
                }
                let (start, end) = (area.start.rawValue, area.end.rawValue)
                found[area.file] =
                    "/proc/\(process)/map_files/\(String(start, radix: 16))-\(String(end, radix: 16))"
                return true
            }
        }
        return Array(found.values)
    }

    private func buildID(_ process: ProcessID, _ start: RemoteAddress) -> BuildID? {
        guard let memory = try? ProcessMemory(process),
            let image = try? MemoryImage(headerAt: start.rawValue, memory.source())
        else { return nil }
        return (try? image.buildID()) ?? nil
    }

    private mutating func hasImage(_ process: ProcessID) -> Bool {
        var found = false
        let prefix = Array(ImageName.prefix.utf8)
        _ = forEachMapping(process) { area, name in
            guard area.permissions.contains(.execute) else { return true }
            // Without memory files, images are anonymous and executable: rare enough to be looked at.
            found = name.count == 0 && !area.isFile || Self.starts(name, prefix)
            return !found
        }
        return found
    }

    private static func starts(_ name: Span<UInt8>, _ prefix: [UInt8]) -> Bool {
        guard name.count >= prefix.count else { return false }
        for index in prefix.indices where name[index] != prefix[index] { return false }
        return true
    }

    private mutating func forEachMapping(
        _ process: ProcessID, _ body: (MappedArea, Span<UInt8>) -> Bool
    ) -> Bool {
        do {
            var isEmpty = true
            try reader.forEachMapping(of: process) { area, name in
                isEmpty = false
                return body(area, name)
            }
            if !isEmpty { return true }
            // A kernel thread, or a process whose main thread ended before the others.
            guard let stat = try? reader.stat(of: process), stat.isZombie, let alive = LiveThread.of(process) else {
                return false
            }
            try reader.forEachMapping(of: alive, body)
            return true
        } catch {
            if error.errno == .accessDenied || error.errno == .notPermitted { unreadable += 1 }
            return false
        }
    }
}

/// Processes that share one address space (vfork(2), clone(2) with CLONE_VM) have to be treated as one.
///
/// A process whose main thread ended is compared by one of its living threads: the main one has no address space any
/// more, like kernel threads, and all those would seem to share one.
enum SharedSpaces {
    /// The number to compare by.
    private static func handle(_ process: ProcessID) -> ProcessID {
        var reader = ProcReader()
        guard let stat = try? reader.stat(of: process), stat.isZombie else { return process }
        return LiveThread.of(process) ?? process
    }

    /// Groups processes by address space, by the order that kcmp(2) gives them.
    static func group(_ processes: [ProcessID]) -> [[ProcessID]] {
        var groups: [[ProcessID]] = []
        let handles = Dictionary(processes.map { ($0, handle($0)) }, uniquingKeysWith: { first, _ in first })
        for process in processes {
            var low = 0
            var high = groups.count
            var isPlaced = false
            while low < high {
                let middle = (low + high) / 2
                let first = groups[middle][0]
                switch try? AddressSpaceOrder.compare(handles[first] ?? first, handles[process] ?? process) {
                case .same:
                    groups[middle].append(process)
                    isPlaced = true
                    low = high
                case .before: low = middle + 1
                default: high = middle
                }
            }
            if !isPlaced { groups.insert([process], at: low) }
        }
        return groups
    }

    /// Those of a unit that still share the first one's address space: children of vfork(2) leave it.
    static func still(_ unit: [ProcessID]) -> [ProcessID] {
        guard let first = unit.first, unit.count > 1 else { return unit }
        return [first] + unit.dropFirst().filter { (try? AddressSpaceOrder.compare(first, $0)) == .same }
    }

    /// A process with all that share its address space.
    static func unit(of process: ProcessID) -> [ProcessID] {
        let all = (try? ProcessList.now()) ?? []
        let handle = handle(process)
        return [process] + all.filter { $0 != process && (try? AddressSpaceOrder.compare(handle, $0)) == .same }
    }
}
