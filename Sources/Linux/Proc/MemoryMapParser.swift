// /proc/PID/maps, see proc_pid_maps(5): one line for each mapping, ascending, not overlapping.
//
//   7f0c45a00000-7f0c45a28000 r-xp 00002000 fe:01 131076     /usr/lib/libm.so.6 (deleted)
//   start        end          perm offset   dev   inode      name, blank padded to a column
//
// Names are chosen by others: file names, memfd_create(2) and prctl(2) names. The kernel escapes only the
// line feed, as `\012`, so a name can't forge a line; a name that holds a backslash is shown as it is. A
// line that doesn't parse means that the format isn't what we think it is: everything is refused then,
// because a mapping that we overlooked may be the one that matters.

/// Parses the text of `/proc/PID/maps`.
public enum MemoryMapParser {
    /// Calls `body` for each line, with the positions of its name in `text`; `body` answers whether to go on.
    ///
    /// Allocates nothing, so that reading thousands of processes costs little more than the kernel's own work.
    ///
    /// - Returns: false if a line is malformed; `body` has seen the lines before it.
    @inline(__always)
    public static func forEach(
        in text: Span<UInt8>, _ body: (MappedArea, _ name: Range<Int>) -> Bool
    ) -> Bool {
        var position = 0
        while position < text.count {
            guard let (area, name) = line(text, &position) else { return false }
            if !body(area, name) { return true }
        }
        return true
    }

    /// All mappings with their names; nil if a line is malformed.
    public static func mappings(in text: Span<UInt8>) -> [MemoryMapping]? {
        var found: [MemoryMapping] = []
        var position = 0
        while position < text.count {
            guard let (area, name) = line(text, &position) else { return nil }
            found.append(mapping(area, name, in: text))
        }
        return found
    }

    /// A line's mapping with its name, unescaped.
    public static func mapping(_ area: MappedArea, _ name: Range<Int>, in text: Span<UInt8>) -> MemoryMapping {
        let mark: StaticString = " (deleted)"
        let markStart = name.upperBound - mark.utf8CodeUnitCount
        let isDeleted = markStart >= name.lowerBound && text.hasBytes(mark, at: markStart, name.upperBound)
        let bare = isDeleted ? name.lowerBound..<markStart : name
        return MemoryMapping(area: area, name: unescaped(bare, in: text), isDeleted: isDeleted)
    }

    private static func unescaped(_ range: Range<Int>, in text: Span<UInt8>) -> String {
        if text.firstIndex(of: 0x5c, from: range.lowerBound, range.upperBound) == range.upperBound {
            return text.text(range)
        }
        var bytes: [UInt8] = []
        var position = range.lowerBound
        while position < range.upperBound {
            if text.hasBytes("\\012", at: position, range.upperBound) {
                bytes.append(0x0a)
                position += 4
            } else {
                bytes.append(text[position])
                position += 1
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads one line and moves behind its line feed.
    @inline(__always)
    private static func line(_ text: Span<UInt8>, _ position: inout Int) -> (MappedArea, Range<Int>)? {
        let end = text.count
        guard let start = text.hexadecimal(&position, end), text.skip(0x2d, &position, end),
            let limit = text.hexadecimal(&position, end), start < limit, text.skip(0x20, &position, end),
            let permissions = permissions(text, &position, end), text.skip(0x20, &position, end),
            let offset = text.hexadecimal(&position, end), text.skip(0x20, &position, end),
            let major = text.hexadecimal(&position, end), text.skip(0x3a, &position, end),
            let minor = text.hexadecimal(&position, end), text.skip(0x20, &position, end),
            let inode = text.decimal(&position, end), position < end,
            let major = UInt32(exactly: major), let minor = UInt32(exactly: minor)
        else { return nil }
        guard text[position] == 0x20 || text[position] == 0x0a else { return nil }
        text.skipBlanks(&position, end)
        let nameStart = position
        position = text.firstIndex(of: 0x0a, from: position, end)
        let name = nameStart..<position
        guard text.skip(0x0a, &position, end) else { return nil }
        let area = MappedArea(
            start: RemoteAddress(start), end: RemoteAddress(limit), permissions: permissions, offset: offset,
            file: FileIdentity(device: FileIdentity.device(major: major, minor: minor), inode: inode))
        return (area, name)
    }

    @inline(__always)
    private static func permissions(
        _ text: Span<UInt8>, _ position: inout Int, _ end: Int
    ) -> MappingPermissions? {
        guard end - position >= 4 else { return nil }
        var bits: UInt8 = 0
        if text[position] == 0x72 { bits |= 1 } else if text[position] != 0x2d { return nil }
        if text[position + 1] == 0x77 { bits |= 2 } else if text[position + 1] != 0x2d { return nil }
        if text[position + 2] == 0x78 { bits |= 4 } else if text[position + 2] != 0x2d { return nil }
        if text[position + 3] == 0x73 { bits |= 8 } else if text[position + 3] != 0x70 { return nil }
        position += 4
        return MappingPermissions(rawValue: bits)
    }
}
