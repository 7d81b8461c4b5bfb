/// Where a stripped file's debugging information is: `.gnu_debuglink`.
public struct DebugLink: Sendable, Equatable {
    /// Name of the file with the debugging information, without a folder.
    public let fileName: String
    /// CRC-32 (the polynomial of zlib) of that whole file.
    public let checksum: UInt32
}

extension ELFFile {
    /// The link to separate debugging information; `nil` if the file has none.
    ///
    /// A zero-terminated name, padding to four bytes, and the checksum.
    public func debugLink() throws(ELFError) -> DebugLink? {
        guard let section = section(named: ".gnu_debuglink") else { return nil }
        let bytes = try rawContents(of: section)
        let name = try bytes.cString(0, "name in .gnu_debuglink")
        guard bytes.count >= 8 else { throw ELFError(.truncated, at: section.offset, ".gnu_debuglink") }
        // Counted from the end, because repairs of the name's text may have changed its length.
        return DebugLink(fileName: name, checksum: try bytes.load(bytes.count / 4 * 4 - 4))
    }

    /// What the compilers and linkers of this file wrote about themselves into `.comment`, each text once.
    public func compilers() throws(ELFError) -> [String] {
        guard let section = section(named: ".comment") else { return [] }
        var texts: [String] = []
        for text in try rawContents(of: section).bytes.split(separator: 0) {
            let text = String(decoding: text, as: UTF8.self)
            if !texts.contains(text) { texts.append(text) }
        }
        return texts
    }
}
