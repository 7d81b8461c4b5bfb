public import ELF
import CompressedSections

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
        if let memory = attempt({ () throws(ELFError) in try Self.memory(of: file) }) { program(memory) }
    }

    /// The image that a loader would make, at a bias; sizes are limited because files only claim them.
    static func memory(of file: ELFFile) throws(ELFError) -> MemoryImage<PagedBytes> {
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
    /// Bytes at an address as a process would see them: zero where a segment has more memory than file.
    func paddedContents(atAddress address: UInt64, count: Int) throws(ELFError) -> [UInt8] {
        var all: [UInt8] = []
        for offset in 0..<UInt64(count) {
            all.append((try? contents(atAddress: address &+ offset, count: 1).load(0)) ?? 0)
        }
        return all
    }
}
