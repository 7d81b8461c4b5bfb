package import ELF

/// What the shipped target brings along for reaching symbols: PLT stubs, GOT slots, versions.
package struct TargetImports: Sendable {
    /// PLT stub of each imported (or interposable) function, by name; link-time addresses.
    package private(set) var stubs: [String: UInt64] = [:]
    /// GOT slot that holds a symbol's final address once the program runs, by name.
    package private(set) var slots: [String: UInt64] = [:]
    /// Slot that holds the function chosen by the resolver at that address (IFUNC).
    package private(set) var resolverSlots: [UInt64: UInt64] = [:]
    /// Dynamic symbols by name.
    package private(set) var dynamic: [String: VersionedSymbol] = [:]
    /// Slots for thread-local variables: address, relocation type, and the offset into the target's own
    /// TLS segment (nil: another component's variable).
    package private(set) var threadSlots: [(address: UInt64, type: X86_64Relocation, variable: UInt64?)] = []
    /// Components that the target needs, in order.
    package private(set) var needed: [String] = []
    /// Whether the target binds its own symbols to itself (`-Bsymbolic`).
    package private(set) var isSymbolic = false
    /// Whether another component can take the place of the target's exported symbols: a shared object.
    package private(set) var isInterposable = false

    /// Reads the dynamic part of a linked file.
    package init(_ file: ELFFile) throws(ELFError) {
        for entry in try file.pltEntries() {
            switch entry.target {
            case .symbol(let symbol):
                if stubs[symbol.symbol.name] == nil { stubs[symbol.symbol.name] = entry.address }
            case .resolver(let address): resolverSlots[address] = entry.slot
            }
        }
        guard let section = try file.dynamicSection() else {
            try readStatic(file)
            return
        }
        needed = section.needed
        isSymbolic = section.flags.contains(.symbolic)
        isInterposable =
            file.type == .shared && !section.isPIE && !file.segments.contains { $0.type == .interp }
        let symbols = try DynamicSymbols(file, section)
        for symbol in try symbols?.all() ?? [] where !symbol.symbol.name.isEmpty {
            // The default version is the one that an unversioned reference means.
            if dynamic[symbol.symbol.name] == nil || symbol.version?.isDefault ?? true {
                dynamic[symbol.symbol.name] = symbol
            }
        }
        for relocation in try file.dynamicRelocations(section) { try note(relocation, symbols) }
    }

    private mutating func note(_ relocation: Relocation, _ symbols: DynamicSymbols<ELFFile>?) throws(ELFError) {
        switch X86_64Relocation(rawValue: relocation.type) {
        case .globDat:
            guard let symbol = try symbols?.symbol(relocation.symbol).symbol else { return }
            if slots[symbol.name] == nil { slots[symbol.name] = relocation.offset }
        case .irelative:
            resolverSlots[UInt64(bitPattern: relocation.addend)] = relocation.offset
        case .dtpmod64, .tpoff64, .tlsdesc:
            guard let type = X86_64Relocation(rawValue: relocation.type) else { return }
            var variable: UInt64? = UInt64(bitPattern: relocation.addend)
            if relocation.symbol != 0 {
                let symbol = try symbols?.symbol(relocation.symbol).symbol
                variable = symbol.flatMap {
                    $0.isUndefined ? nil : $0.value &+ UInt64(bitPattern: relocation.addend)
                }
            }
            threadSlots.append((relocation.offset, type, variable))
        default: break
        }
    }

    /// A static program has no loader; its start-up code applies the IFUNC relocations.
    private mutating func readStatic(_ file: ELFFile) throws(ELFError) {
        for section in file.sections where section.type == .rela && section.flags.contains(.alloc) {
            for relocation in try file.relocations(in: section)
            where relocation.type == X86_64Relocation.irelative.rawValue {
                resolverSlots[UInt64(bitPattern: relocation.addend)] = relocation.offset
            }
        }
    }
}
