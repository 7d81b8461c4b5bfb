extension Range<UInt64> {
    /// `count` addresses from `start` on; cut off at the end of the address space, where only a damaged file
    /// leads.
    init(from start: UInt64, count: UInt64) {
        let end = start.addingReportingOverflow(count)
        self = start..<(end.overflow ? .max : end.partialValue)
    }

    /// How many addresses; the property of collections stops the program beyond what an Int holds.
    var length: UInt64 { upperBound - lowerBound }
}
