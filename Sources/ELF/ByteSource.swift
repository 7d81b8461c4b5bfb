/// Bytes by address, from wherever they are: most of all from another process' memory.
public protocol ByteSource {
    /// `count` bytes at an address, all of them.
    /// - Throws: ``ELFError/Kind/unreadable`` with the address if any of them can't be read.
    func bytes(atAddress address: UInt64, count: Int) throws(ELFError) -> ByteView
}

/// Reads memory by whole pages through a closure and keeps them, so that many small reads cost few calls.
///
/// Pages are what memory is mapped in: if one byte of a page can be read, all can. What was read stays as it was
/// at the first read; take a new value to see changes.
public final class PagedBytes: ByteSource {
    private let pageSize: UInt64
    private let limit: Int
    private let read: (_ address: UInt64, _ count: Int) throws(ELFError) -> [UInt8]
    private var pages: [UInt64: [UInt8]] = [:]

    /// Takes the closure that reads exactly `count` bytes, or throws.
    ///
    /// One request for more than `limit` bytes is refused: hostile sizes must not exhaust our memory.
    public init(
        pageSize: Int = 4096, limit: Int = 1 << 28,
        read: @escaping (_ address: UInt64, _ count: Int) throws(ELFError) -> [UInt8]
    ) {
        self.pageSize = UInt64(max(pageSize, 1))
        self.limit = limit
        self.read = read
    }

    /// `count` bytes at an address.
    public func bytes(atAddress address: UInt64, count: Int) throws(ELFError) -> ByteView {
        let (end, overflow) = address.addingReportingOverflow(UInt64(clamping: count))
        guard count >= 0, count <= limit, !overflow else {
            throw ELFError(.unreadable, at: address, "\(count) bytes")
        }
        guard count > 0 else { return ByteView([]) }
        let first = address / pageSize
        let last = (end - 1) / pageSize
        // A long run is read in one call and not kept: it is a table that is walked once.
        if last - first >= 4 { return ByteView(try exactly(address, count)) }
        var all: [UInt8] = []
        all.reserveCapacity(count)
        for number in first...last {
            let page = try page(number)
            let start = number == first ? address % pageSize : 0
            let stop = number == last ? (end - 1) % pageSize + 1 : pageSize
            all += page[Int(start)..<Int(stop)]
        }
        return ByteView(all)
    }

    private func page(_ number: UInt64) throws(ELFError) -> [UInt8] {
        if let known = pages[number] { return known }
        let page = try exactly(number * pageSize, Int(pageSize))
        pages[number] = page
        return page
    }

    private func exactly(_ address: UInt64, _ count: Int) throws(ELFError) -> [UInt8] {
        let bytes = try read(address, count)
        guard bytes.count == count else {
            throw ELFError(.unreadable, at: address, "\(bytes.count) of \(count) bytes")
        }
        return bytes
    }
}
