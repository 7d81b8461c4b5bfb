import Linux

/// One change to the target's own code: five bytes at a function's entry.
struct SiteWrite: Sendable, Equatable {
    let address: RemoteAddress
    /// What has to stand there before.
    let expected: [UInt8]
    /// What stands there afterwards.
    let replacement: [UInt8]
    /// The function, for people.
    let function: String
}

/// All sites of a transaction, in plain memory, checked and written while the process stands still.
@safe
struct SiteWriter: ~Copyable {
    let sites: [SiteWrite]
    private let memory: ProcessMemory
    private let ranges: UnsafeMutableBufferPointer<RemoteRange>
    private let expected: UnsafeMutableRawBufferPointer
    private let replacement: UnsafeMutableRawBufferPointer
    private let found: UnsafeMutableRawBufferPointer
    private let count: Int
    private static let size = JumpEncoding.trampolineSize

    /// What the writing came to.
    enum Outcome: Equatable {
        /// All bytes stand as wanted.
        case written
        /// Before anything was written, other bytes were found at this site.
        case mismatch(Int)
        /// The memory has gone: the process ended, or started another program.
        case gone
        /// What was written didn't read back; everything was put back.
        case unreliable(Int)
    }

    init(_ sites: [SiteWrite], _ memory: ProcessMemory) {
        self.sites = sites
        self.memory = memory
        count = sites.count
        let bytes = max(count, 1) * Self.size
        unsafe ranges = .allocate(capacity: max(count, 1))
        unsafe expected = .allocate(byteCount: bytes, alignment: 16)
        unsafe replacement = .allocate(byteCount: bytes, alignment: 16)
        unsafe found = .allocate(byteCount: bytes, alignment: 16)
        for (index, site) in sites.enumerated() {
            // Every site has exactly `size` bytes of each kind, and there is room for `count` of them.
            unsafe ranges.initializeElement(
                at: index, to: RemoteRange(start: site.address, count: UInt64(Self.size)))
            for byte in 0..<Self.size {
                unsafe expected[index * Self.size + byte] = site.expected[byte]
                unsafe replacement[index * Self.size + byte] = site.replacement[byte]
            }
        }
    }

    deinit {
        unsafe ranges.deallocate()
        unsafe expected.deallocate()
        unsafe replacement.deallocate()
        unsafe found.deallocate()
    }

    /// Writes each site's own bytes over themselves, so that the process gets its private copy of the pages now
    /// and not in the pause.
    ///
    /// - Throws: if the bytes aren't the expected ones.
    func touch() throws(PatcherError) {
        for index in 0..<count {
            let site = sites[index]
            let bytes = try memory.bytes(site.address, Self.size)
            guard bytes == site.expected else { continue }
            try memory.write([bytes[0]], at: site.address)
            if let last = site.address.adding(UInt64(Self.size - 1)), let byte = bytes.last {
                try memory.write([byte], at: last)
            }
        }
    }

    /// Checks all sites, writes all, reads all back.
    ///
    /// Allocates nothing.
    @inline(__always)
    func commit() -> Outcome {
        guard read() else { return .gone }
        if let index = unsafe difference(expected) { return .mismatch(index) }
        for index in 0..<count where unsafe !write(replacement, index) {
            return undo(upTo: index) ? .unreliable(index) : .gone
        }
        guard read() else { return .gone }
        if let index = unsafe difference(replacement) {
            return undo(upTo: count) ? .unreliable(index) : .gone
        }
        return .written
    }

    /// What stands at all sites now: -1 mixed or unknown, 0 all as expected before, 1 all as wanted.
    func look() throws(PatcherError) -> Int {
        var old = 0
        var new = 0
        for site in sites {
            let bytes = try memory.bytes(site.address, Self.size)
            if bytes == site.expected { old += 1 }
            if bytes == site.replacement { new += 1 }
        }
        if new == count { return 1 }
        return old == count ? 0 : -1
    }

    @inline(__always)
    private func read() -> Bool {
        // `found` has room for the sum of the ranges.
        let result = unsafe memory.remote.gather(
            UnsafeBufferPointer(rebasing: ranges[0..<count]), into: found)
        return result.rawValue == count * Self.size
    }

    /// The first site whose bytes differ.
    @inline(__always)
    private func difference(_ wanted: UnsafeMutableRawBufferPointer) -> Int? {
        for byte in 0..<count * Self.size {
            // Both buffers have `count * size` bytes.
            if unsafe found[byte] != wanted[byte] { return byte / Self.size }
        }
        return nil
    }

    @inline(__always)
    private func write(_ bytes: UnsafeMutableRawBufferPointer, _ index: Int) -> Bool {
        let start = index * Self.size
        // The slice lies inside the buffer, as `index` is below `count`.
        let slice = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<start + Self.size])
        return unsafe memory.remote.forcedWrite(slice, at: ranges[index].start).rawValue == Self.size
    }

    private func undo(upTo end: Int) -> Bool {
        var whole = true
        for index in 0..<min(end + 1, count) where unsafe !write(expected, index) { whole = false }
        return whole
    }

    /// The bytes found at a site when it was last read.
    func foundBytes(_ index: Int) -> [UInt8] {
        let start = index * Self.size
        // As above.
        return unsafe Array(found[start..<start + Self.size])
    }
}
