/// All places of one object that the kernel may rewrite, in address order: says whether a difference between
/// image and memory is explained.
public struct SiteMap: Sendable {
    /// A place and the table that names it.
    public struct Entry: Sendable {
        /// Where.
        public let site: CodeSite
        /// Why.
        public let table: SiteTable
    }

    private let entries: [Entry]

    /// Collects the sites of all tables of an object.
    public init(of object: some KernelObject, types: BTF) throws(KernelImageError) {
        var all: [Entry] = []
        for table in SiteTable.allCases {
            all += try table.sites(in: object, types: types).map { Entry(site: $0, table: table) }
        }
        entries = all.sorted { $0.site.address < $1.site.address }
    }

    /// Takes entries in any order.
    public init(_ entries: [Entry]) { self.entries = entries.sorted { $0.site.address < $1.site.address } }

    /// The sites that touch a range, in address order.
    public func entries(in range: Range<UInt64>) -> ArraySlice<Entry> {
        // The longest site has 255 bytes, the limit of a record's length byte.
        let start = range.lowerBound > 255 ? range.lowerBound - 255 : 0
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = low + (high - low) / 2
            if entries[middle].site.address < start { low = middle + 1 } else { high = middle }
        }
        let end = entries[low...].firstIndex { $0.site.address >= range.upperBound } ?? entries.count
        return entries[low..<end]
    }

    /// For each byte of a range, whether the kernel may rewrite it.
    public func mask(of range: Range<UInt64>) -> [Bool] {
        guard let count = Int(exactly: range.upperBound - range.lowerBound) else { return [] }
        var mask = [Bool](repeating: false, count: count)
        for entry in entries(in: range) {
            for index in 0..<entry.site.length {
                let (address, overflow) = entry.site.address.addingReportingOverflow(UInt64(index))
                if !overflow, range.contains(address) { mask[Int(address - range.lowerBound)] = true }
            }
        }
        return mask
    }
}
