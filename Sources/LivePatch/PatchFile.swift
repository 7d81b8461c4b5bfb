import ELF
public import Linux

/// The patch file `NAME.tsp`: one relocatable ELF object.
///
/// New code and data stand in ordinary sections with ordinary symbols and relocations, so `readelf -a`,
/// `objdump -dr` and `gdb` open it. What only we know stands in sections of our own, none of them loadable:
///
/// | section | holds |
/// |---|---|
/// | `.tsugite.targets` | the table of targets; see docs/formats/tsp.md |
/// | `.tsugite.manifest` | the manifest, JSON |
/// | `.tsugite.diff` | the source diff |
/// | `.tsugite.provenance` | the provenance statement, JSON; left out if there is none |
public struct PatchFile: Sendable {
    /// What the file says.
    public let patch: LivePatch
    /// The SHA-256 digest of the whole file: the patch's identity.
    public let id: Digest
    /// The file's length in bytes.
    public let size: Int

    /// Reads a patch file; nothing of it is believed before ``LivePatch/validate()`` accepted it.
    public init(_ storage: ByteStorage) throws(PatchFileError) {
        let bytes = ByteView(storage)
        patch = try LivePatch(object: bytes)
        id = Digest(of: bytes.bytes)
        size = storage.count
    }
}

extension LivePatch {
    enum SectionName {
        static let targets = ".tsugite.targets"
        static let manifest = ".tsugite.manifest"
        static let diff = ".tsugite.diff"
        static let provenance = ".tsugite.provenance"
    }

    /// The patch file's bytes; equal patches give equal bytes.
    /// - Throws: what ``validate()`` throws, so that no file is written that can't be read.
    public func encoded() throws(PatchFileError) -> [UInt8] {
        try validate()
        var writer = ObjectWriter(machine: machine)
        let sections = object.sections.map { Self.add($0, to: &writer) }
        let symbols = object.symbols.map { symbol in
            writer.addSymbol(
                symbol.name, value: symbol.value, size: symbol.size, type: symbol.type, binding: symbol.binding,
                visibility: .default, place: symbol.section.map { .section(sections[$0]) } ?? .undefined)
        }
        for (section, id) in zip(object.sections, sections) {
            for relocation in section.relocations {
                writer.addRelocation(
                    in: id, offset: relocation.offset, type: relocation.type,
                    symbol: symbols[relocation.symbol], addend: relocation.addend)
            }
        }
        let table = Self.addNote(SectionName.targets, [], to: &writer)
        Self.addNote(SectionName.manifest, manifest, to: &writer)
        Self.addNote(SectionName.diff, diff, to: &writer)
        if !provenance.isEmpty { Self.addNote(SectionName.provenance, provenance, to: &writer) }
        // The table holds the file's own numbers for symbols and sections, so these must be known first.
        let numbered = writer.encode()
        writer.replaceContents(
            of: table,
            with: TableCoding.encode(
                self, symbolIndex: { numbered.symbolIndex(symbols[$0]) },
                sectionIndex: { numbered.sectionIndex(sections[$0]) }))
        return writer.encode().bytes
    }

    private static func add(_ section: PatchObject.Section, to writer: inout ObjectWriter) -> ObjectWriter.SectionID
    {
        if section.contents.isEmpty && section.size > 0 {
            return writer.addSpace(
                section.name, flags: section.flags, alignment: section.alignment, size: section.size)
        }
        return writer.addSection(
            section.name, type: section.name == ".eh_frame" ? .x86_64Unwind : .progbits, flags: section.flags,
            alignment: section.alignment, contents: section.contents)
    }

    @discardableResult
    private static func addNote(_ name: String, _ contents: [UInt8], to writer: inout ObjectWriter)
        -> ObjectWriter.SectionID
    {
        writer.addSection(name, type: .progbits, flags: [], alignment: 1, contents: contents)
    }
}
