import CLinux

// Discovery asks one question of every process on the machine: which files do you run code from? The text of
// /proc/PID/maps answers it with some 20 to 1,000 lines, of which a fifth matter. Linux 6.11 and newer answer
// it in binary, one ioctl for each mapping that matters (PROCMAP_QUERY, proc_pid_maps(5)): three times as fast
// over a machine full of small processes, more for large ones. Older kernels know nothing of it and answer
// ENOTTY; then the text is read from the same descriptor.

extension ProcReader {
    /// Calls `body` for each mapping of a process that is executable and maps a file, ascending.
    ///
    /// `body` answers whether to go on. Kernel threads and zombies have none.
    public mutating func forEachCodeMapping(
        of process: ProcessID, _ body: (MappedArea) -> Bool
    ) throws(SystemError) {
        let path = "/proc/\(process)/maps"
        let file = try OwnedDescriptor.open(path)
        if try Self.query(file, path, body) { return }
        try read(file, path)
        let whole = contents { text in
            MemoryMapParser.forEach(in: text) { area, _ in
                area.isFile && area.permissions.contains(.execute) ? body(area) : true
            }
        }
        if !whole { throw SystemError(call: "parse", errno: .badMessage, object: path) }
    }

    /// Asks mapping by mapping; false if this kernel doesn't know the question.
    private static func query(
        _ file: borrowing OwnedDescriptor, _ path: String, _ body: (MappedArea) -> Bool
    ) throws(SystemError) -> Bool {
        var mapping = linux_mapping()
        var address: UInt64 = 0
        while true {
            // Sound: the call writes one structure, which is what `mapping` is.
            let result = unsafe SystemCallResult(
                linux_query_code_mapping(file.rawValue, address, &mapping))
            switch result.error {
            case nil: break
            case .notTerminal: return false
            // None behind the last one; no memory at all.
            case .noSuchFile, .noSuchProcess: return true
            default: try result.check("ioctl(PROCMAP_QUERY)", path)
            }
            // The end moves on with each answer, so this ends.
            guard mapping.end > address, mapping.start < mapping.end else {
                throw SystemError(call: "ioctl(PROCMAP_QUERY)", errno: .badMessage, object: path)
            }
            if !body(MappedArea(mapping)) { return true }
            address = mapping.end
        }
    }
}

extension MappedArea {
    /// From the kernel's binary answer, whose flags are numbered as ``MappingPermissions``.
    fileprivate init(_ mapping: linux_mapping) {
        let device = FileIdentity.device(major: mapping.major, minor: mapping.minor)
        self.init(
            start: RemoteAddress(mapping.start), end: RemoteAddress(mapping.end),
            permissions: MappingPermissions(rawValue: UInt8(mapping.flags & 15)), offset: mapping.offset,
            file: FileIdentity(device: device, inode: mapping.inode))
    }
}
