import Linux

/// Two places in a process's own code that a borrowed thread is led through.
struct SystemCallGadget: Sendable, Equatable {
    /// `syscall; ret`.
    let call: RemoteAddress
    /// `mov $15, %eax; syscall`: what the C library names `__restore_rt`.
    let restorer: RemoteAddress
    /// Whether the two were written into padding by us, and have to be taken out again.
    let isPlanted: Bool
}

/// Looks for the two places in executable mappings, and remembers them by file for the processes to come.
struct GadgetFinder {
    private struct Offsets { let call: UInt64, restorer: UInt64 }
    private var known: [FileIdentity: [UInt64: Offsets]] = [:]

    private static let chunk = 256 << 10
    private static let callBytes: [UInt8] = [0x0f, 0x05, 0xc3]

    /// Finds the gadget; the C library first, as it holds both.
    mutating func find(
        _ space: AddressSpace, _ memory: borrowing RemoteMemory
    ) throws(PatcherError) -> SystemCallGadget? {
        let candidates = space.mappings.filter {
            $0.area.permissions.contains([.read, .execute]) && $0.area.isFile
        }
        let ordered =
            candidates.filter { Self.isLibrary($0.name) } + candidates.filter { !Self.isLibrary($0.name) }
        for mapping in ordered {
            if let found = remembered(mapping.area, memory) { return found }
            guard let found = search(mapping.area, memory) else { continue }
            let start = mapping.area.start.rawValue
            known[mapping.area.file, default: [:]][mapping.area.offset] = Offsets(
                call: found.call.rawValue - start, restorer: found.restorer.rawValue - start)
            return found
        }
        return nil
    }

    private static func isLibrary(_ name: String) -> Bool { name.contains("/libc.") || name.contains("/libc-") }

    /// What was found in the same file before, if the bytes are there.
    private func remembered(_ area: MappedArea, _ memory: borrowing RemoteMemory) -> SystemCallGadget? {
        guard let offsets = known[area.file]?[area.offset],
            let call = area.start.adding(offsets.call), let restorer = area.start.adding(offsets.restorer),
            let bytes = try? memory.bytes(RemoteRange(start: call, count: 3)), bytes == Self.callBytes,
            let code = try? memory.bytes(RemoteRange(start: restorer, count: 9)), Self.isRestorer(code)
        else { return nil }
        return SystemCallGadget(call: call, restorer: restorer, isPlanted: false)
    }

    private func search(_ area: MappedArea, _ memory: borrowing RemoteMemory) -> SystemCallGadget? {
        var call: RemoteAddress?
        var restorer: RemoteAddress?
        var at = area.start
        while at < area.end {
            let size = min(UInt64(Self.chunk), area.end.rawValue - at.rawValue)
            guard let bytes = try? memory.bytes(RemoteRange(start: at, count: size)) else { return nil }
            Self.scan(bytes) { position in
                if call == nil, position + 2 < bytes.count, bytes[position + 2] == 0xc3 {
                    call = at.adding(UInt64(position))
                }
                if restorer == nil, let start = Self.restorerStart(bytes, position) {
                    restorer = at.adding(UInt64(start))
                }
                return call == nil || restorer == nil
            }
            if let call, let restorer {
                return SystemCallGadget(call: call, restorer: restorer, isPlanted: false)
            }
            // Chunks overlap, so that nothing is missed at a seam.
            guard size == UInt64(Self.chunk), let next = at.adding(size - 16) else { return nil }
            at = next
        }
        return nil
    }

    /// Calls `body` with the position of every `syscall` until it answers false.
    private static func scan(_ bytes: [UInt8], _ body: (Int) -> Bool) {
        var from = 1
        // The search never leaves the array's own buffer.
        unsafe bytes.withUnsafeBytes { buffer in
            while from < buffer.count {
                let found = unsafe RawBytes.firstIndex(of: 0x05, in: buffer, from: from)
                if found == buffer.count { return }
                if unsafe buffer[found - 1] == 0x0f, !body(found - 1) { return }
                from = found + 1
            }
        }
    }

    private static func restorerStart(_ bytes: [UInt8], _ call: Int) -> Int? {
        for length in [7, 5] where call >= length {
            if isRestorer(Array(bytes[(call - length)..<(call + 2)])) { return call - length }
        }
        return nil
    }

    /// `mov $15, %rax` or `mov $15, %eax`, then `syscall`.
    private static func isRestorer(_ bytes: [UInt8]) -> Bool {
        bytes.starts(with: [0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05])
            || bytes.starts(with: [0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05])
    }
}
