// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
/// `d_tag`: what an entry of the dynamic section says.
public struct DynamicTag: NamedNumber {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let null = DynamicTag(rawValue: 0)
    public static let needed = DynamicTag(rawValue: 1)
    public static let pltRelSize = DynamicTag(rawValue: 2)
    public static let pltGOT = DynamicTag(rawValue: 3)
    public static let hash = DynamicTag(rawValue: 4)
    public static let strtab = DynamicTag(rawValue: 5)
    public static let symtab = DynamicTag(rawValue: 6)
    public static let rela = DynamicTag(rawValue: 7)
    public static let relaSize = DynamicTag(rawValue: 8)
    public static let strtabSize = DynamicTag(rawValue: 10)
    public static let symbolSize = DynamicTag(rawValue: 11)
    public static let soname = DynamicTag(rawValue: 14)
    public static let rpath = DynamicTag(rawValue: 15)
    public static let symbolic = DynamicTag(rawValue: 16)
    public static let pltRel = DynamicTag(rawValue: 20)
    public static let debug = DynamicTag(rawValue: 21)
    public static let textRel = DynamicTag(rawValue: 22)
    public static let jmpRel = DynamicTag(rawValue: 23)
    public static let bindNow = DynamicTag(rawValue: 24)
    public static let runpath = DynamicTag(rawValue: 29)
    public static let flags = DynamicTag(rawValue: 30)
    public static let relrSize = DynamicTag(rawValue: 35)
    public static let relr = DynamicTag(rawValue: 36)
    public static let gnuHash = DynamicTag(rawValue: 0x6fff_fef5)
    public static let versym = DynamicTag(rawValue: 0x6fff_fff0)
    public static let flags1 = DynamicTag(rawValue: 0x6fff_fffb)
    public static let verdef = DynamicTag(rawValue: 0x6fff_fffc)
    public static let verdefCount = DynamicTag(rawValue: 0x6fff_fffd)
    public static let verneed = DynamicTag(rawValue: 0x6fff_fffe)
    public static let verneedCount = DynamicTag(rawValue: 0x6fff_ffff)
}

/// `DT_FLAGS`: how the loader treats a component.
public struct DynamicFlags: OptionSet, Hashable, Sendable {
    /// The bits as they stand.
    public var rawValue: UInt64
    /// Takes any bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// The component searches itself first for its symbols.
    public static let symbolic = DynamicFlags(rawValue: 2)
    /// Relocations write to segments that aren't writable.
    public static let textRelocations = DynamicFlags(rawValue: 4)
    /// All symbols are bound when the component is loaded.
    public static let bindNow = DynamicFlags(rawValue: 8)
    /// Uses the static TLS model, so it may not be loadable with `dlopen`.
    public static let staticTLS = DynamicFlags(rawValue: 16)
}

/// What a component tells the dynamic loader (gABI chapter 5, "Dynamic Section").
public struct DynamicSection: Sendable {
    /// One entry, `Elf64_Dyn`.
    public struct Entry: Sendable, Equatable {
        /// What the entry says.
        public let tag: DynamicTag
        /// A number or an address, as the tag has it.
        public let value: UInt64
    }

    /// All entries before `DT_NULL`, in the file's order; pointers may have the load bias added, see
    /// ``ProgramImage/linkAddress(ofPointer:)``.
    public let entries: [Entry]
    /// Components that have to be loaded with this one, in order.
    public let needed: [String]
    /// The name under which others need this component.
    public let soname: String?
    /// Where the loader looks for needed components: `DT_RUNPATH`, or else `DT_RPATH`.
    public let runpath: String?

    /// The value of the first entry with a tag.
    public subscript(_ tag: DynamicTag) -> UInt64? { entries.first { $0.tag == tag }?.value }

    /// `DT_FLAGS`, with the older tags of the same meaning taken in.
    public var flags: DynamicFlags {
        var flags = DynamicFlags(rawValue: self[.flags] ?? 0)
        if self[.symbolic] != nil { flags.insert(.symbolic) }
        if self[.textRel] != nil { flags.insert(.textRelocations) }
        if self[.bindNow] != nil || (self[.flags1] ?? 0) & 1 != 0 { flags.insert(.bindNow) }
        return flags
    }

    /// Whether the component is an executable linked as position-independent (`DF_1_PIE`).
    public var isPIE: Bool { (self[.flags1] ?? 0) & 0x0800_0000 != 0 }

    init(_ image: some ProgramImage, _ segment: Segment) throws(ELFError) {
        // No linker makes thousands of entries; the limit keeps a hostile size from being read.
        let size = min(segment.fileSize, 1 << 16)
        let table = try image.contents(atAddress: segment.address, count: size)
        var entries: [Entry] = []
        for at in stride(from: 0, to: table.count / 16 * 16, by: 16) {
            let tag = DynamicTag(rawValue: try table.load(at))
            if tag == .null { break }
            entries.append(Entry(tag: tag, value: try table.load(at + 8)))
        }
        self.entries = entries
        let strings = DynamicStrings(image, entries)
        var needed: [String] = []
        for entry in entries where entry.tag == .needed {
            needed.append(try strings.string(image, entry.value, "needed component"))
        }
        self.needed = needed
        func text(_ tag: DynamicTag, _ what: String) throws(ELFError) -> String? {
            guard let entry = entries.first(where: { $0.tag == tag }) else { return nil }
            return try strings.string(image, entry.value, what)
        }
        soname = try text(.soname, "name of the component")
        let ownPath = try text(.runpath, "run path")
        let oldPath = try text(.rpath, "run path")
        runpath = ownPath ?? oldPath
    }
}

/// The dynamic string table, read piece by piece because it may lie in another process.
struct DynamicStrings: Sendable {
    let address: UInt64
    let size: UInt64

    init(_ image: some ProgramImage, _ entries: [DynamicSection.Entry]) {
        address = image.linkAddress(ofPointer: entries.first { $0.tag == .strtab }?.value ?? 0)
        size = entries.first { $0.tag == .strtabSize }?.value ?? 0
    }

    func string(_ image: some ProgramImage, _ offset: UInt64, _ what: String) throws(ELFError) -> String {
        guard offset < size else { throw ELFError(.inconsistent, at: address, "\(what): offset \(offset)") }
        let (start, overflow) = address.addingReportingOverflow(offset)
        guard !overflow else { throw ELFError(.inconsistent, at: address, what) }
        var text: [UInt8] = []
        while UInt64(text.count) < min(size - offset, 1 << 16) {
            let step = min(64, size - offset - UInt64(text.count))
            let piece = try image.contents(atAddress: start &+ UInt64(text.count), count: step).bytes
            if let end = piece.firstIndex(of: 0) {
                return String(decoding: text + piece[..<end], as: UTF8.self)
            }
            text += piece
        }
        throw ELFError(.unterminatedString, at: start, what)
    }

    /// Whether the string at an offset is that name.
    func matches(_ image: some ProgramImage, _ offset: UInt64, _ name: [UInt8]) throws(ELFError) -> Bool {
        guard offset < size, UInt64(name.count) < size - offset else { return false }
        let (start, overflow) = address.addingReportingOverflow(offset)
        guard !overflow else { return false }
        let bytes = try image.contents(atAddress: start, count: UInt64(name.count) + 1).bytes
        return bytes.last == 0 && bytes.dropLast().elementsEqual(name)
    }
}

extension ProgramImage {
    /// The dynamic section; `nil` for a static program or an object.
    public func dynamicSection() throws(ELFError) -> DynamicSection? {
        guard let segment = segments.first(where: { $0.type == .dynamic }), segment.fileSize > 0 else { return nil }
        return try DynamicSection(self, segment)
    }

    /// The relocations that the loader applies: `DT_RELA`, then `DT_JMPREL`, then `DT_RELR` unpacked.
    ///
    /// Those of `DT_RELR` have their addends in the words that they move; here they have 0.
    public func dynamicRelocations(_ dynamic: DynamicSection) throws(ELFError) -> [Relocation] {
        try relocationTable(dynamic, .rela, .relaSize) + pltRelocations(dynamic) + relativeRelocations(dynamic)
    }

    /// The relocations of the procedure linkage table, which the loader may apply as late as the first call.
    public func pltRelocations(_ dynamic: DynamicSection) throws(ELFError) -> [Relocation] {
        if let kind = dynamic[.pltRel], kind != DynamicTag.rela.rawValue {
            throw ELFError(.unsupported, at: kind, "PLT relocations without addends")
        }
        return try relocationTable(dynamic, .jmpRel, .pltRelSize)
    }

    private func relocationTable(_ dynamic: DynamicSection, _ table: DynamicTag, _ size: DynamicTag)
        throws(ELFError) -> [Relocation]
    {
        guard let pointer = dynamic[table], let size = dynamic[size], size > 0 else { return [] }
        return try ELFFile.relocations(contents(atAddress: linkAddress(ofPointer: pointer), count: size))
    }

    /// Unpacks `DT_RELR`: an even word is the address of a word to move, an odd one a bitmap of the 63 words
    /// that follow the last one described.
    private func relativeRelocations(_ dynamic: DynamicSection) throws(ELFError) -> [Relocation] {
        guard let pointer = dynamic[.relr], let size = dynamic[.relrSize], size > 0 else { return [] }
        let table = try contents(atAddress: linkAddress(ofPointer: pointer), count: size)
        var all: [Relocation] = []
        var next: UInt64 = 0
        func add(_ address: UInt64) {
            let type = X86_64Relocation.relative.rawValue
            all.append(Relocation(offset: address, type: type, symbol: 0, addend: 0))
        }
        guard machine == .x86_64 else { throw ELFError(.unsupported, at: pointer, "packed relocations") }
        for at in stride(from: 0, to: table.count / 8 * 8, by: 8) {
            let word: UInt64 = try table.load(at)
            if word & 1 == 0 {
                add(word)
                next = word &+ 8
                continue
            }
            for bit in 1..<64 as Range<UInt64> where word >> bit & 1 == 1 { add(next &+ (bit - 1) * 8) }
            next &+= 63 * 8
        }
        return all
    }
}
