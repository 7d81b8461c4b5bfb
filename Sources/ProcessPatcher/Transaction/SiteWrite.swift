import Linux

/// One change to the target's own memory: five bytes at a function's entry, or a piece of read-only data.
///
/// `expected` and `replacement` have the same length.
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
    /// Where each site's bytes start in the buffers; one more than there are sites.
    private let starts: UnsafeMutableBufferPointer<Int>

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
        let bytes = max(sites.reduce(0) { $0 + $1.expected.count }, 1)
        unsafe starts = .allocate(capacity: count + 1)
        unsafe ranges = .allocate(capacity: max(count, 1))
        unsafe expected = .allocate(byteCount: bytes, alignment: 16)
        unsafe replacement = .allocate(byteCount: bytes, alignment: 16)
        unsafe found = .allocate(byteCount: bytes, alignment: 16)
        var at = 0
        for (index, site) in sites.enumerated() {
            // There is an element for each site and one more, and room in the buffers for the sum of all sites' bytes.
            unsafe starts.initializeElement(at: index, to: at)
            unsafe ranges.initializeElement(
                at: index, to: RemoteRange(start: site.address, count: UInt64(site.expected.count)))
            for byte in site.expected.indices {
                unsafe expected[at + byte] = site.expected[byte]
                unsafe replacement[at + byte] = byte < site.replacement.count ? site.replacement[byte] : 0
            }
            at += site.expected.count
        }
        unsafe starts.initializeElement(at: count, to: at)
    }

    deinit {
        unsafe ranges.deallocate()
        unsafe starts.deallocate()
        unsafe expected.deallocate()
        unsafe replacement.deallocate()
        unsafe found.deallocate()
    }

    private static let page = 4096

    /// Writes each site's own bytes over themselves, so that the process gets its private copy of the pages now
    /// and not in the pause.
    ///
    /// - Throws: if the bytes aren't the expected ones.
    func touch() throws(PatcherError) {
        for index in 0..<count {
            let site = sites[index]
            let bytes = try memory.bytes(site.address, site.expected.count)
            guard bytes == site.expected else { continue }
            // A byte of each page that the site lies on, the first and the last one among them.
            for offset in stride(from: 0, to: bytes.count, by: Self.page) + [bytes.count - 1] {
                guard let place = site.address.adding(UInt64(offset)) else { continue }
                try memory.write([bytes[offset]], at: place)
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
            let bytes = try memory.bytes(site.address, site.expected.count)
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
        return unsafe result.rawValue == starts[count]
    }

    /// The first site whose bytes differ.
    @inline(__always)
    private func difference(_ wanted: UnsafeMutableRawBufferPointer) -> Int? {
        for index in 0..<count {
            // The starts of a site and of the next one bound its bytes in both buffers.
            for byte in unsafe starts[index]..<starts[index + 1] where unsafe found[byte] != wanted[byte] {
                return index
            }
        }
        return nil
    }

    @inline(__always)
    private func write(_ bytes: UnsafeMutableRawBufferPointer, _ index: Int) -> Bool {
        // The slice lies inside the buffer, as `index` is below `count`.
        let slice = unsafe UnsafeRawBufferPointer(rebasing: bytes[starts[index]..<starts[index + 1]])
        return unsafe memory.remote.forcedWrite(slice, at: ranges[index].start).rawValue == slice.count
    }

    private func undo(upTo end: Int) -> Bool {
        var whole = true
        for index in 0..<min(end + 1, count) where unsafe !write(expected, index) { whole = false }
        return whole
    }

    /// The bytes found at a site when it was last read.
    func foundBytes(_ index: Int) -> [UInt8] {
        // As above.
        unsafe Array(found[starts[index]..<starts[index + 1]])
    }
}
