/// Builds the contents of a `SHT_STRTAB` section in which a name that ends another one shares its bytes.
///
/// Sorted by their reversed bytes, a name that is the end of others comes directly before them; so walking
/// the sorted names backwards, each either ends the last one written or starts a string of its own.
///
///     text  →  txet        written backwards:  .rela.text\0   .data\0
///     .text →  txet.       offsets:            .text = 6 (inside .rela.text), text = 7
///     .rela.text → txet.aler.
///
/// The result depends only on the set of names, not on the order in which they were added.
struct StringTable {
    /// The table's bytes; the first is the zero of the empty name.
    let bytes: [UInt8]
    /// Where each name starts, in the order in which they were given.
    let offsets: [UInt32]

    /// Takes all names of the table; repeated ones are stored once.
    init(_ names: [String]) {
        // Compared as bytes: names that are only canonically equal as text are different names.
        let sorted = names.enumerated().map { (position: $0, reversed: Array($1.utf8.reversed())) }
            .sorted { $0.reversed.lexicographicallyPrecedes($1.reversed) }
        var bytes: [UInt8] = [0]
        var offsets = [UInt32](repeating: 0, count: names.count)
        var last: [UInt8] = []
        for (position, reversed) in sorted.reversed() where !reversed.isEmpty {
            if !last.starts(with: reversed) {
                bytes += reversed.reversed()
                bytes.append(0)
                last = reversed
            }
            offsets[position] = UInt32(truncatingIfNeeded: bytes.count - 1 - reversed.count)
        }
        self.bytes = bytes
        self.offsets = offsets
    }
}
