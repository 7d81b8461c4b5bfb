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
///
/// Sites in one page are one write: a patcher that is killed leaves all of them written or none. Whoever is killed
/// between two pages leaves some of each, which the journal in the process tells, and ``Recovery`` puts right.
@safe
struct SiteWriter: ~Copyable {
    /// In the order of their addresses.
    let sites: [SiteWrite]
    private let memory: ProcessMemory
    private let spans: UnsafeMutableBufferPointer<RemoteRange>
    /// Where each site's bytes begin in the buffers, which hold all spans one behind the other.
    private let offsets: [Int]
    private let total: Int
    private let before: UnsafeMutableRawBufferPointer
    private let wanted: UnsafeMutableRawBufferPointer
    private let after: UnsafeMutableRawBufferPointer

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

    init(_ unordered: [SiteWrite], _ memory: ProcessMemory) {
        sites = unordered.sorted { $0.address.rawValue < $1.address.rawValue }
        self.memory = memory
        let (spans, offsets) = Self.spans(sites)
        self.offsets = offsets
        total = spans.reduce(0) { $0 + Int($1.count) }
        unsafe self.spans = .allocate(capacity: max(spans.count, 1))
        for (index, span) in spans.enumerated() { unsafe self.spans.initializeElement(at: index, to: span) }
        unsafe before = .allocate(byteCount: max(total, 1), alignment: 16)
        unsafe wanted = .allocate(byteCount: max(total, 1), alignment: 16)
        unsafe after = .allocate(byteCount: max(total, 1), alignment: 16)
        count = spans.count
    }

    /// The number of spans.
    private let count: Int

    deinit {
        unsafe spans.deallocate()
        unsafe before.deallocate()
        unsafe wanted.deallocate()
        unsafe after.deallocate()
    }

    /// Puts neighbours in one page together.
    static func spans(_ sites: [SiteWrite]) -> (spans: [RemoteRange], offsets: [Int]) {
        var spans: [RemoteRange] = []
        var offsets: [Int] = []
        var used = 0
        for site in sites {
            let start = site.address.rawValue
            let length = site.expected.count
            let end = start &+ UInt64(length)
            if let last = spans.last,
                end <= last.start.alignedDown(to: ImageLayout.page).rawValue &+ ImageLayout.page
            {
                offsets.append(used - Int(last.count) + Int(start - last.start.rawValue))
                spans[spans.count - 1] = RemoteRange(start: last.start, count: end - last.start.rawValue)
                used += Int(end - last.start.rawValue) - Int(last.count)
            } else {
                offsets.append(used)
                spans.append(RemoteRange(start: site.address, count: UInt64(length)))
                used += length
            }
        }
        return (spans, offsets)
    }

    /// Writes each site's own bytes over themselves, so that the process gets its private copy of the pages now
    /// and not in the pause.
    ///
    /// - Throws: if the bytes aren't the expected ones.
    func touch() throws(PatcherError) {
        for site in sites {
            let bytes = try memory.bytes(site.address, site.expected.count)
            guard bytes == site.expected else { continue }
            // A byte of each page that the site lies on, the first and the last one among them.
            for offset in stride(from: 0, to: bytes.count, by: Int(ImageLayout.page)) + [bytes.count - 1] {
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
        guard unsafe read(into: before) else { return .gone }
        // Both buffers are of the same size.
        unsafe wanted.copyMemory(from: UnsafeRawBufferPointer(before))
        for index in sites.indices {
            for byte in sites[index].replacement.indices {
                // Offsets and sites come from `spans(_:)`: each site's bytes lie inside the buffers.
                guard unsafe before[offsets[index] + byte] == sites[index].expected[byte] else {
                    return .mismatch(index)
                }
                unsafe wanted[offsets[index] + byte] = sites[index].replacement[byte]
            }
        }
        guard unsafe write(wanted, count) else { return unsafe write(before, count) ? .unreliable(0) : .gone }
        guard unsafe read(into: after) else { return .gone }
        for index in sites.indices {
            for byte in sites[index].replacement.indices
            where unsafe after[offsets[index] + byte] != sites[index].replacement[byte] {
                return unsafe write(before, count) ? .unreliable(index) : .gone
            }
        }
        return .written
    }

    /// Puts back what ``commit()`` found, while everybody still stands.
    func revert() -> Bool { unsafe write(before, count) }

    /// What stands at all sites now: -1 mixed or unknown, 0 all as expected before, 1 all as wanted.
    func look() throws(PatcherError) -> Int {
        var old = 0
        var new = 0
        for site in sites {
            let bytes = try memory.bytes(site.address, site.expected.count)
            if bytes == site.expected { old += 1 }
            if bytes == site.replacement { new += 1 }
        }
        if new == sites.count { return 1 }
        return old == sites.count ? 0 : -1
    }

    @inline(__always)
    private func read(into buffer: UnsafeMutableRawBufferPointer) -> Bool {
        // The buffer has room for the sum of the spans.
        let result = unsafe memory.remote.gather(UnsafeBufferPointer(rebasing: spans[0..<count]), into: buffer)
        return result.rawValue == total
    }

    /// Writes the first spans; false if one can't be written whole.
    @inline(__always)
    private func write(_ bytes: UnsafeMutableRawBufferPointer, _ end: Int) -> Bool {
        var at = 0
        for index in 0..<end {
            let length = unsafe Int(spans[index].count)
            // The slices lie one behind the other inside the buffer.
            let slice = unsafe UnsafeRawBufferPointer(rebasing: bytes[at..<at + length])
            guard unsafe memory.remote.forcedWrite(slice, at: spans[index].start).rawValue == length else {
                return false
            }
            at += length
        }
        return true
    }

    /// The bytes found at a site when it was last read before writing.
    func foundBytes(_ index: Int) -> [UInt8] {
        // As above.
        return unsafe Array(before[offsets[index]..<offsets[index] + sites[index].expected.count])
    }
}
