/// Where the tables for unwinding the stack are, as link-time addresses.
public struct UnwindTables: Sendable, Equatable {
    /// `.eh_frame_hdr`, a sorted index: its address and size in bytes; `nil` if there is none.
    public let index: Range<UInt64>?
    /// Start of `.eh_frame`, the frame descriptions.
    public let frames: UInt64
}

extension ProgramImage {
    /// The unwind tables, found through the `PT_GNU_EH_FRAME` segment; `nil` if there is none.
    ///
    /// The header (LSB, "The .eh_frame_hdr section") is a version, three encodings, and the pointer to the frame
    /// descriptions in the first of those encodings, which every linker makes relative to the pointer itself.
    public func unwindTables() throws(ELFError) -> UnwindTables? {
        guard let segment = segments.first(where: { $0.type == .gnuEhFrame }) else { return nil }
        let (end, overflow) = segment.address.addingReportingOverflow(segment.memorySize)
        guard !overflow else { throw ELFError(.inconsistent, at: segment.offset, "unwind index") }
        let version: UInt8 = try load(segment.address)
        let encoding: UInt8 = try load(segment.address, 1)
        guard version == 1, encoding == 0x1b else {
            throw ELFError(.unsupported, at: segment.offset, "unwind index, version \(version), \(encoding)")
        }
        let distance: Int32 = try load(segment.address, 4)
        let frames = segment.address &+ 4 &+ UInt64(bitPattern: Int64(distance))
        return UnwindTables(index: segment.address..<end, frames: frames)
    }
}

extension ELFFile {
    /// The unwind tables of the segments, or of an object or a file without index the section `.eh_frame`.
    public func unwindTablesOrSection() throws(ELFError) -> UnwindTables? {
        if let tables = try unwindTables() { return tables }
        return section(named: ".eh_frame").map { UnwindTables(index: nil, frames: $0.address) }
    }
}
