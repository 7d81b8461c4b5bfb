// Which stub of the procedure linkage table calls which function.
//
// A call of an imported function goes to a stub in the caller's own component, and the stub jumps to the address
// in a slot of the global offset table:
//
//     call puts@plt  →  .plt.sec:  endbr64; jmp *slot(%rip)  →  slot: address of puts, written by the loader
//
// No table says which stub is whose. But a relocation says which symbol's address the loader writes into each
// slot, and the jump's own bytes say which slot it reads: so each stub is decoded and its slot looked up.

/// One stub of the procedure linkage table.
public struct PLTEntry: Sendable, Equatable {
    /// Link-time address of the stub's first instruction.
    public let address: UInt64
    /// Link-time address of the slot that the stub jumps through.
    public let slot: UInt64
    /// What the loader writes into the slot.
    public let target: Target

    /// What a slot holds once the loader has filled it.
    public enum Target: Sendable, Equatable {
        /// The address of the definition of a dynamic symbol.
        case symbol(VersionedSymbol)
        /// What the resolver function at this link-time address returns (`STT_GNU_IFUNC` of the same component).
        case resolver(UInt64)
    }
}

/// What a processor's stubs and their relocations look like.
protocol PLTDecoder {
    /// Stubs start at multiples of this many bytes.
    static var alignment: UInt64 { get }
    /// Decodes the stub that starts at `offset` of `code`, where `code` starts at `address`.
    static func decode(_ code: ByteView, _ offset: Int, address: UInt64) -> PLTStub?
    /// How the loader fills the slot that a relocation names; `nil` if it isn't one for a function's address.
    static func fill(_ relocation: Relocation) -> SlotFill?
}

/// What a stub does.
enum PLTStub: Equatable {
    /// Jumps to the address in a slot.
    case jump(slot: UInt64)
    /// Asks the loader to bind the PLT relocation of that number, then jumps.
    case bind(relocation: Int)
}

/// How the loader fills a slot.
enum SlotFill: Equatable {
    /// With a symbol's address; only the PLT reads a slot with `isPLT`.
    case symbol(Int, isPLT: Bool)
    /// With what a function returns.
    case resolver(UInt64)

    /// Whether code that isn't a stub has no reason to jump through the slot.
    var isOnlyForStubs: Bool { if case .symbol(_, isPLT: false) = self { false } else { true } }
}

extension ELFFile {
    /// The stubs of the procedure linkage table, sorted by address.
    ///
    /// With a section table, the sections `.plt*` and `.iplt` are decoded; without one, all executable segments
    /// are searched for stubs, and only slots that nothing but a stub reads count.
    public func pltEntries() throws(ELFError) -> [PLTEntry] {
        switch machine {
        case .x86_64: try pltEntries(X86_64PLT.self)
        default: throw ELFError(.unsupported, at: 18, "procedure linkage table of machine \(machine.rawValue)")
        }
    }

    private func pltEntries<Decoder: PLTDecoder>(_ decoder: Decoder.Type) throws(ELFError) -> [PLTEntry] {
        let dynamic = try dynamicSection()
        let symbols = try dynamic.flatMap { (found) throws(ELFError) in try DynamicSymbols(self, found) }
        let relocations = try loaderRelocations(dynamic)
        var slots: [UInt64: SlotFill] = [:]
        for relocation in relocations {
            if let fill = Decoder.fill(relocation) { slots[relocation.offset] = fill }
        }
        let lazy = try dynamic.map { (found) throws(ELFError) in try pltRelocations(found) } ?? []
        let sections = sections.filter { $0.type == .progbits && Self.isPLT($0.name) }
        var entries: [PLTEntry] = []
        for (code, address) in try stubCode(sections) {
            for offset in stride(from: 0, to: code.count, by: Int(Decoder.alignment)) {
                let (place, overflow) = address.addingReportingOverflow(UInt64(offset))
                guard !overflow, let stub = Decoder.decode(code, offset, address: place),
                    let slot = Self.slot(of: stub, lazy), let fill = slots[slot],
                    !sections.isEmpty || fill.isOnlyForStubs, let target = try target(fill, symbols)
                else { continue }
                entries.append(PLTEntry(address: place, slot: slot, target: target))
            }
        }
        return entries.sorted { $0.address < $1.address }
    }

    private static func slot(of stub: PLTStub, _ lazy: [Relocation]) -> UInt64? {
        switch stub {
        case .jump(let slot): slot
        case .bind(let number): lazy.indices.contains(number) ? lazy[number].offset : nil
        }
    }

    private static func isPLT(_ name: String) -> Bool {
        name == ".plt" || name.hasPrefix(".plt.") || name == ".iplt"
    }

    /// The bytes to search for stubs, with their addresses.
    private func stubCode(_ sections: [Section]) throws(ELFError) -> [(ByteView, UInt64)] {
        var code: [(ByteView, UInt64)] = []
        for section in sections { code.append((try rawContents(of: section), section.address)) }
        guard self.sections.isEmpty else { return code }
        for segment in segments where segment.type == .load && segment.flags.contains(.execute) {
            code.append((try bytes.slice(segment.offset, segment.fileSize, "executable segment"), segment.address))
        }
        return code
    }

    /// The relocations that the loader applies; in a static program, those that its start-up code applies.
    private func loaderRelocations(_ dynamic: DynamicSection?) throws(ELFError) -> [Relocation] {
        if let dynamic { return try dynamicRelocations(dynamic) }
        var all: [Relocation] = []
        for section in sections where section.type == .rela && section.flags.contains(.alloc) {
            all += try relocations(in: section)
        }
        return all
    }

    private func target(_ fill: SlotFill, _ symbols: DynamicSymbols<ELFFile>?) throws(ELFError) -> PLTEntry.Target?
    {
        switch fill {
        case .resolver(let address): return .resolver(address)
        case .symbol(let index, _):
            return try symbols.map { (all) throws(ELFError) in .symbol(try all.symbol(index)) }
        }
    }
}
