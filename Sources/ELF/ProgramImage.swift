/// Something with segments whose bytes are found by virtual address: a file, or a module in a process' memory.
///
/// What the dynamic loader uses (the dynamic section, its symbols, versions and relocations) is reached through
/// segments only, so the same reader works on a file with its section table stripped and inside a process.
/// All addresses are those the linker gave, before the load bias is added.
public protocol ProgramImage {
    /// For which processor.
    var machine: Machine { get }
    /// The program headers.
    var segments: [Segment] { get }
    /// `count` bytes at a link-time address.
    func contents(atAddress address: UInt64, count: UInt64) throws(ELFError) -> ByteView
    /// The link-time address that a pointer found in the dynamic section means.
    ///
    /// The loader may have added the load bias to it in place.
    func linkAddress(ofPointer pointer: UInt64) -> UInt64
}

extension ELFFile: ProgramImage {
    /// The pointer itself: nothing moved it.
    public func linkAddress(ofPointer pointer: UInt64) -> UInt64 { pointer }
}

extension ProgramImage {
    /// Loads one integer at a link-time address plus an offset.
    func load<T: FixedWidthInteger>(_ address: UInt64, _ offset: UInt64 = 0, as type: T.Type = T.self)
        throws(ELFError) -> T
    {
        let (place, overflow) = address.addingReportingOverflow(offset)
        guard !overflow else { throw ELFError(.inconsistent, at: address, "address plus \(offset)") }
        return try contents(atAddress: place, count: UInt64(MemoryLayout<T>.size)).load(0)
    }

    /// `count` entries of `size` bytes from the one numbered `first`, in a table at a link-time address.
    func entries(_ table: UInt64, size: UInt64, from first: UInt64, count: UInt64 = 1) throws(ELFError) -> ByteView
    {
        let (offset, overflow) = first.multipliedReportingOverflow(by: size)
        let (address, overflow2) = table.addingReportingOverflow(offset)
        let (length, overflow3) = count.multipliedReportingOverflow(by: size)
        guard !overflow, !overflow2, !overflow3 else {
            throw ELFError(.inconsistent, at: table, "entry \(first) of a table")
        }
        return try contents(atAddress: address, count: length)
    }

    /// The notes in the note segments.
    func segmentNotes() throws(ELFError) -> [Note] {
        var notes: [Note] = []
        for segment in segments where segment.type == .note && segment.fileSize > 0 {
            guard segment.fileSize <= 1 << 20 else {
                throw ELFError(.inconsistent, at: segment.offset, "note segment of \(segment.fileSize) bytes")
            }
            let bytes = try contents(atAddress: segment.address, count: segment.fileSize)
            notes += try Note.list(bytes, alignment: segment.alignment)
        }
        return notes
    }
}
