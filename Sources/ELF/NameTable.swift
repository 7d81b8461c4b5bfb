/// Reads names from a string table, in time that the file's size bounds.
///
/// Names may overlap, so a small hostile file could hold a million entries that each name a whole megabyte.
/// The reader therefore has a budget: more text than a linker could have meant ends in an error.
struct NameTable {
    private let bytes: ByteView
    private var budget: Int

    /// Views the table for `entries` entries that may each name something in it.
    init(_ bytes: ByteView, entries: Int) {
        self.bytes = bytes
        budget = bytes.count * 16 + min(entries, 1 << 32) * 256
    }

    /// The name at an offset; `owner` and `index` say in errors what has that name.
    mutating func name(at offset: UInt32, _ owner: StaticString, _ index: Int) throws(ELFError) -> String {
        // An empty table is one that the file doesn't have; its entries are then without names.
        if offset == 0 || bytes.count == 0 { return "" }
        let name = try bytes.cString(Int(offset), "name of \(owner) \(index)")
        budget -= name.utf8.count
        guard budget >= 0 else {
            throw ELFError(.inconsistent, at: UInt64(bytes.start), "names longer than their table")
        }
        return name
    }
}
