/// A module as it stands in a process' memory: what the loader mapped, found from its file header alone.
///
/// Needs no file on disk, so it describes what runs even when the file was replaced or deleted. Section tables
/// aren't mapped; all is read through segments.
///
///     address in the process = link-time address + bias
public struct MemoryImage<Source: ByteSource>: ProgramImage {
    /// `e_type`.
    public let type: FileType
    /// `e_machine`.
    public let machine: Machine
    /// `e_entry`, before the bias is added.
    public let entry: UInt64
    /// The program headers.
    public let segments: [Segment]
    /// What the loader added to every link-time address; 0 for an executable that isn't position-independent.
    public let bias: UInt64
    private let source: Source
    private let lowest: UInt64
    private let highest: UInt64

    /// Reads the file header at an address: the start of the module's first mapping, that of file offset 0.
    public init(headerAt address: UInt64, _ source: Source) throws(ELFError) {
        let header = try FileHeader(try source.bytes(atAddress: address, count: 64), followsExtended: false)
        let at = header.segmentTable
        let (table, overflow) = address.addingReportingOverflow(at.offset)
        guard !overflow, at.count > 0, at.entrySize >= 56 else {
            throw ELFError(.inconsistent, at: address, "program headers in memory")
        }
        let bytes = try source.bytes(atAddress: table, count: at.count * at.entrySize)
        segments = try Segment.table(bytes, entrySize: at.entrySize, count: at.count)
        let loads = segments.filter { $0.type == .load }
        guard let first = loads.first, let last = loads.last else {
            throw ELFError(.inconsistent, at: address, "no loadable segment")
        }
        let (end, overflow2) = last.address.addingReportingOverflow(last.memorySize)
        guard !overflow2, first.offset <= first.address, first.address <= end else {
            throw ELFError(.inconsistent, at: address, "loadable segments in memory")
        }
        type = header.type
        machine = header.machine
        entry = header.entry
        lowest = first.address - first.offset
        highest = end
        // The header is file offset 0, which the first segment maps `offset` bytes below its own address.
        bias = address &- lowest
        self.source = source
    }

    /// The address range that the module takes in the process, in bytes; ends aren't rounded to pages.
    public var span: Range<UInt64>? {
        let (start, end) = (lowest &+ bias, highest &+ bias)
        return start <= end ? start..<end : nil
    }

    /// `count` bytes at a link-time address, from the process' memory.
    public func contents(atAddress address: UInt64, count: UInt64) throws(ELFError) -> ByteView {
        guard address >= lowest, address <= highest, count <= highest - address else {
            throw ELFError(.inconsistent, at: address, "\(count) bytes outside the module")
        }
        return try source.bytes(atAddress: address &+ bias, count: Int(clamping: count))
    }

    /// Takes the bias off a pointer that the loader has moved.
    ///
    /// glibc moves the pointers of the dynamic section in place, musl and the kernel (vDSO) don't; since a module
    /// never lies where its own link-time addresses are, unless its bias is 0, the value itself tells.
    public func linkAddress(ofPointer pointer: UInt64) -> UInt64 {
        guard let span, span.contains(pointer) else { return pointer }
        return pointer &- bias
    }

    /// The build-id in the mapped notes; `nil` if none.
    public func buildID() throws(ELFError) -> BuildID? { try segmentNotes().buildID }
}

extension MemoryImage: Sendable where Source: Sendable {}
