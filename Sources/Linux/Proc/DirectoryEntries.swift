// The records of getdents64(2):
//
//   inode 8 | next 8 | length of the record 2 | type 1 | name, terminated by 0, padded
//
// They come from the kernel, but a FUSE file system chooses the names, and the lengths decide where we read.

/// Parses the records of getdents64(2).
public enum DirectoryEntries {
    private static let nameOffset = 19

    /// Calls `body` for each entry with type (`DT_*`) and the positions of its name in `records`, `.` and `..`
    /// included.
    ///
    /// - Returns: false if a record is malformed.
    @inline(__always)
    public static func forEach(
        in records: Span<UInt8>, _ body: (_ type: UInt8, _ name: Range<Int>) -> Void
    ) -> Bool {
        var position = 0
        while position < records.count {
            guard records.count - position > nameOffset else { return false }
            let length = Int(records[position + 16]) | Int(records[position + 17]) << 8
            guard length > nameOffset, length <= records.count - position else { return false }
            let start = position + nameOffset
            let end = records.firstIndex(of: 0, from: start, position + length)
            if end == position + length { return false }
            body(records[position + 18], start..<end)
            position += length
        }
        return true
    }

    /// Calls `body` for each entry whose name is a decimal number up to 2^31-1: processes and threads under
    /// `/proc`.
    ///
    /// Other names are skipped.
    ///
    /// - Returns: false if a record is malformed.
    @inline(__always)
    public static func forEachNumber(in records: Span<UInt8>, _ body: (Int32) -> Void) -> Bool {
        forEach(in: records) { _, name in
            var position = name.lowerBound
            guard let value = records.decimal(&position, name.upperBound), position == name.upperBound,
                let number = Int32(exactly: value)
            else { return }
            body(number)
        }
    }
}
