import ELF

/// Where the functions of a stripped file are, from its unwind index.
///
/// `.eh_frame_hdr` is a table of (function, frame description), both relative to the index, sorted (LSB);
/// each description gives the function's length. Compilers describe every function, so this is the symbol
/// table that nobody strips.
struct FrameIndex {
    /// Address and size of each function, sorted by address.
    let functions: [(address: UInt64, size: UInt64)]

    init(_ file: ELFFile) throws(ELFError) {
        guard let tables = try file.unwindTables(), let index = tables.index, index.length >= 12 else {
            functions = []
            return
        }
        let header = try file.contents(atAddress: index.lowerBound, count: index.length)
        // Count as udata4, entries as sdata4 relative to the header: what every linker writes.
        guard try header.load(2, as: UInt8.self) == 0x03, try header.load(3, as: UInt8.self) == 0x3b else {
            functions = []
            return
        }
        let count = min(Int(try header.load(8, as: UInt32.self)), (header.count - 12) / 8)
        var found: [(address: UInt64, size: UInt64)] = []
        found.reserveCapacity(count)
        for entry in 0..<count {
            let start =
                index.lowerBound &+ UInt64(bitPattern: Int64(try header.load(12 + entry * 8, as: Int32.self)))
            let frame =
                index.lowerBound &+ UInt64(bitPattern: Int64(try header.load(16 + entry * 8, as: Int32.self)))
            // length, distance to the CIE, start (pcrel sdata4), size (udata4).
            let bytes = try file.contents(atAddress: frame, count: 16)
            found.append((start, UInt64(try bytes.load(12, as: UInt32.self))))
        }
        functions = found.filter { $0.size > 0 && $0.size <= 1 << 24 }
    }
}
