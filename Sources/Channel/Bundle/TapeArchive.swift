// The ustar format of POSIX.1-1988 (tar), the part that a bundle needs: regular files with short names, one
// after the other. `tar tvf BUNDLE` lists a bundle, `tar xf` opens it. The reader is strict: it takes what the
// writer writes and nothing else, so that there are no links, devices, absolute names or sparse tricks.

/// Writes a tar archive into a file.
struct TapeWriter {
    private let file: TemporaryFile
    private let time: UTCTime

    /// Begins an archive; all its files carry the same time.
    init(beside path: String, time: UTCTime) throws(ChannelError) {
        file = try TemporaryFile(beside: path)
        self.time = time
    }

    /// Adds a file from memory.
    func add(_ name: String, _ bytes: [UInt8]) throws(ChannelError) {
        try file.append(try TapeHeader.make(name: name, length: bytes.count, time: time))
        try file.append(bytes)
        try pad(bytes.count)
    }

    /// Adds a file from the disk, which must have exactly that length.
    func add(_ name: String, from path: String, length: Int) throws(ChannelError) {
        try file.append(try TapeHeader.make(name: name, length: length, time: time))
        var written = 0
        try Files.forEachPiece(of: path) { piece throws(ChannelError) in
            written += piece.count
            try file.append(piece)
        }
        guard written == length else {
            throw ChannelError(.mismatch, path, "\(written) bytes instead of \(length)")
        }
        try pad(length)
    }

    /// Ends the archive and gives it its name.
    func finish(name: String) throws(ChannelError) {
        try file.append([UInt8](repeating: 0, count: 2 * TapeHeader.block))
        try file.take(name: name)
    }

    private func pad(_ length: Int) throws(ChannelError) {
        let rest = length % TapeHeader.block
        if rest != 0 { try file.append([UInt8](repeating: 0, count: TapeHeader.block - rest)) }
    }
}

/// The 512 bytes before each file.
enum TapeHeader {
    static let block = 512

    static func make(name: String, length: Int, time: UTCTime) throws(ChannelError) -> [UInt8] {
        let nameBytes = Array(name.utf8)
        guard !nameBytes.isEmpty, nameBytes.count < 100, length <= 0o77_777_777_777 else {
            throw ChannelError(.tooLong, name, "name or length don't fit into a bundle")
        }
        var header = [UInt8](repeating: 0, count: block)
        header.replaceSubrange(0..<nameBytes.count, with: nameBytes)
        func octal(_ value: Int64, at offset: Int, width: Int) {
            let text = String(max(value, 0), radix: 8)
            let padded = String(repeating: "0", count: max(0, width - 1 - text.count)) + text
            header.replaceSubrange(offset..<offset + width - 1, with: Array(padded.utf8))
        }
        octal(0o644, at: 100, width: 8)
        octal(0, at: 108, width: 8)
        octal(0, at: 116, width: 8)
        octal(Int64(length), at: 124, width: 12)
        octal(min(time.seconds, 0o77_777_777_777), at: 136, width: 12)
        header[156] = UInt8(ascii: "0")
        header.replaceSubrange(257..<265, with: Array("ustar\u{0}00".utf8))
        octal(checksum(header), at: 148, width: 8)
        return header
    }

    /// The sum of all bytes, those of the sum itself taken for spaces.
    private static func checksum(_ header: [UInt8]) -> Int64 {
        var sum: Int64 = 0
        for (index, byte) in header.enumerated() { sum += (148..<156).contains(index) ? 32 : Int64(byte) }
        return sum
    }

    /// Name and length from a header; `nil` at the end of the archive.
    static func parse(_ header: ArraySlice<UInt8>, subject: String) throws(ChannelError) -> (String, Int)? {
        if header.allSatisfy({ $0 == 0 }) { return nil }
        let bytes = Array(header)
        func number(_ range: Range<Int>) -> Int? {
            let digits = bytes[range].prefix { $0 != 0 && $0 != 0x20 }
            return Int(String(decoding: digits, as: UTF8.self), radix: 8)
        }
        let nameBytes = bytes[0..<100].prefix { $0 != 0 }
        guard bytes[257..<262].elementsEqual("ustar".utf8), number(148..<156).map(Int64.init) == checksum(bytes),
            bytes[156] == UInt8(ascii: "0"), bytes[345] == 0, let length = number(124..<136), length >= 0,
            let name = String(validating: nameBytes, as: UTF8.self), RepositoryLayout.isServable(name)
        else { throw ChannelError(.malformed, subject, "not a bundle, or a damaged one") }
        return (name, length)
    }
}

/// Where the files of a bundle lie within it.
struct TapeIndex {
    /// Offset and length, by name.
    let places: ByteMap<(offset: Int, length: Int)>

    /// Walks over a bundle, header by header, without reading the files.
    init(_ path: String, size: Int, read: (Int, Int) throws(ChannelError) -> [UInt8]) throws(ChannelError) {
        var offset = 0
        var list: [ByteMap<(offset: Int, length: Int)>.Entry] = []
        while true {
            let header = try read(offset, TapeHeader.block)
            guard header.count == TapeHeader.block else {
                throw ChannelError(.malformed, path, "the bundle ends too early")
            }
            guard let (name, length) = try TapeHeader.parse(header[...], subject: path) else { break }
            let start = offset + TapeHeader.block
            guard length <= size - start else { throw ChannelError(.malformed, path, "the bundle ends too early") }
            list.append(.init(key: name, value: (start, length)))
            offset = start + (length + TapeHeader.block - 1) / TapeHeader.block * TapeHeader.block
            guard offset < size else { throw ChannelError(.malformed, path, "the bundle ends too early") }
        }
        guard let unique = ByteMap(unique: list) else {
            throw ChannelError(.malformed, path, "a name stands in the bundle twice")
        }
        places = unique
    }
}
