/// Reads files under `/proc` into one buffer that is used again and again: the edge of this folder's parsers.
///
/// Such a file may change between two reads of it. `maps` is consistent for each line, not as a whole.
public struct ProcReader: Sendable {
    private var buffer: [UInt8]
    private var count = 0

    /// The most that is read of one file: 32 MiB, some 300,000 mappings.
    public static let limit = 32 << 20

    /// Starts with room for a typical `maps`.
    public init() { buffer = [UInt8](repeating: 0, count: 16 << 10) }

    /// Reads a file, for the next use of ``contents(_:)``.
    public mutating func read(_ path: String) throws(SystemError) {
        try read(try OwnedDescriptor.open(path), path)
    }

    /// Reads an open file, for the next use of ``contents(_:)``.
    mutating func read(_ file: borrowing OwnedDescriptor, _ path: String) throws(SystemError) {
        count = 0
        count = try file.readAll(into: &buffer, limit: Self.limit, name: path)
    }

    /// Passes the bytes of the last file read.
    @inline(__always)
    public func contents<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        body(buffer.span.extracting(0..<count))
    }

    /// Reads a file as text.
    public mutating func text(_ path: String) throws(SystemError) -> String {
        try read(path)
        return contents { $0.text(0..<$0.count) }
    }

    /// Reads a file and parses it; a parser that answers nil means EBADMSG.
    mutating func parse<Result>(
        _ path: String, _ parser: (Span<UInt8>) -> Result?
    ) throws(SystemError) -> Result {
        try read(path)
        guard let result = contents(parser) else {
            throw SystemError(call: "parse", errno: .badMessage, object: path)
        }
        return result
    }
}

extension ProcReader {
    /// Calls `body` for each mapping of a process, see ``MemoryMapParser/forEach(in:_:)``.
    ///
    /// The name is passed as bytes: still escaped, with the mark of deleted files.
    public mutating func forEachMapping(
        of process: ProcessID, _ body: (MappedArea, _ name: Span<UInt8>) -> Bool
    ) throws(SystemError) {
        let path = "/proc/\(process)/maps"
        try read(path)
        let whole = contents { text in
            MemoryMapParser.forEach(in: text) { area, name in body(area, text.extracting(name)) }
        }
        if !whole { throw SystemError(call: "parse", errno: .badMessage, object: path) }
    }

    /// All mappings of a process with their names.
    ///
    /// Empty for kernel threads and zombies.
    public mutating func mappings(of process: ProcessID) throws(SystemError) -> [MemoryMapping] {
        try parse("/proc/\(process)/maps") { MemoryMapParser.mappings(in: $0) }
    }
}
