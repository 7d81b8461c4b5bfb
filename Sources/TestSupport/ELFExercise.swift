import CompressedSections
public import ELF

/// Reads everything that the ELF room can read from some bytes, each part whether or not the others failed.
///
/// Used by the tests of hostile input and by the fuzz target: whatever the bytes are, each part must give a
/// value or an ``ELFError``, and never trap. The result counts the parts that gave a value, so that a test can
/// tell that it reached them.
public struct ELFExercise: Sendable {
    /// How many parts gave a value.
    public private(set) var values = 0
    /// How many parts gave an error.
    public private(set) var errors = 0

    /// Reads all of a file.
    public init(_ bytes: ByteView) {
        guard let file = attempt({ () throws(ELFError) in try ELFFile(bytes) }) else { return }
        sections(file)
        program(file)
        attempt { () throws(ELFError) in try file.notes().gnuProperties() }
        attempt { () throws(ELFError) in try file.sectionGroups() }
        attempt { () throws(ELFError) in try file.debugLink() }
        attempt { () throws(ELFError) in try file.compilers() }
        attempt { () throws(ELFError) in try file.unwindTablesOrSection() }
        attempt { () throws(ELFError) in try file.pltEntries() }
        guard file.segments.contains(where: { $0.type == .load }) else { return }
        if let memory = attempt({ () throws(ELFError) in try Self.memory(of: file) }) { program(memory) }
    }

    /// The image that a loader would make, at a bias; sizes are limited because files only claim them.
    public static func memory(of file: ELFFile) throws(ELFError) -> MemoryImage<PagedBytes> {
        let bias: UInt64 = file.type == .shared ? 0x7f00_0000_0000 : 0
        let header = file.segments.first { $0.type == .load }
        let source = PagedBytes(pageSize: 16, limit: 1 << 20) { (address, count) throws(ELFError) in
            try file.paddedContents(atAddress: address &- bias, count: count)
        }
        return try MemoryImage(headerAt: (header?.address ?? 0) &- (header?.offset ?? 0) &+ bias, source)
    }

    private mutating func sections(_ file: ELFFile) {
        for section in file.sections.prefix(200) {
            attempt { () throws(ELFError) in try file.rawContents(of: section) }
            attempt { () throws(ELFError) in try file.expandedContents(of: section, limit: 1 << 22) }
            attempt { () throws(ELFError) in try file.relocations(of: section) }
            if section.type == .rela { attempt { () throws(ELFError) in try file.relocations(in: section) } }
            if [.symtab, .dynsym].contains(section.type) {
                attempt { () throws(ELFError) in try file.symbols(in: section) }
            }
        }
    }

    private mutating func program(_ image: some ProgramImage) {
        attempt { () throws(ELFError) in try image.unwindTables() }
        guard let dynamic = attempt({ () throws(ELFError) in try image.dynamicSection() }) ?? nil else { return }
        attempt { () throws(ELFError) in try image.dynamicRelocations(dynamic) }
        guard let symbols = attempt({ () throws(ELFError) in try image.dynamicSymbols() }) ?? nil else { return }
        attempt { () throws(ELFError) in try symbols.all() }
        for name in ["puts", "answer", "", "environ"] {
            attempt { () throws(ELFError) in try symbols.find(name) }
            attempt { () throws(ELFError) in try symbols.find(name, version: "V2") }
        }
    }

    @discardableResult
    private mutating func attempt<T>(_ part: () throws(ELFError) -> T) -> T? {
        do throws(ELFError) {
            let value = try part()
            values += 1
            return value
        } catch {
            errors += 1
            return nil
        }
    }
}

extension ELFFile {
    /// Bytes at an address as a process would see them: zero beside the bytes that the file has.
    /// - Throws: if the file has none of them, as if nothing were mapped there.
    func paddedContents(atAddress address: UInt64, count: Int) throws(ELFError) -> [UInt8] {
        var all = [UInt8](repeating: 0, count: count)
        var isMapped = false
        for segment in segments where segment.type == .load && segment.offset <= UInt64(bytes.count) {
            let size = min(segment.fileSize, UInt64(bytes.count) - segment.offset)
            let first = max(address, segment.address)
            let end = min(address.addingClamped(UInt64(count)), segment.address.addingClamped(size))
            guard first < end else { continue }
            let piece = try bytes.slice(segment.offset + (first - segment.address), end - first, "piece")
            all.replaceSubrange(Int(first - address)..<Int(end - address), with: piece.bytes)
            isMapped = true
        }
        guard isMapped else { throw ELFError(.unreadable, at: address, "\(count) bytes") }
        return all
    }
}

extension UInt64 {
    fileprivate func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
