import ELF
import Findings
import Linux
import LivePatch

/// Finds the values of the symbols that new code doesn't define, in one process.
struct ExternalResolver {
    let session: ProcessSession
    let module: LoadedModule
    private var order: [LoadedModule]?

    init(_ session: ProcessSession, _ module: LoadedModule) {
        self.session = session
        self.module = module
    }

    /// The values of a target's external symbols, by symbol index.
    mutating func resolve(
        _ target: PatchTarget, _ object: PatchObject
    ) throws(PatcherError) -> [Int: ExternalValue] {
        var values: [Int: ExternalValue] = [:]
        for external in target.externals {
            values[external.symbol] = try value(external.source, object.symbols[external.symbol].name)
        }
        return values
    }

    /// Where the target's thread-local block lies.
    func threadBlock(_ target: PatchTarget) throws(PatcherError) -> ThreadBlock {
        switch target.threadStorage {
        case nil: return ThreadBlock()
        case .executable(let size): return ThreadBlock(module: 1, offset: -Int64(clamping: size))
        case .slots(let module, let offset, let variable):
            var block = ThreadBlock()
            if let module { block.module = try word(atLinkAddress: module) }
            if let offset { block.offset = Int64(bitPattern: try word(atLinkAddress: offset) &- variable) }
            return block
        }
    }

    private func word(atLinkAddress address: UInt64) throws(PatcherError) -> UInt64 {
        try session.memory.word(RemoteAddress(address &+ module.bias))
    }

    /// What the dynamic linker stored in a slot: an address in some mapping, or 0 for what nobody defines.
    private func bound(_ slot: UInt64, _ name: String) throws(PatcherError) -> UInt64 {
        let value = try word(atLinkAddress: slot)
        if value == 0 || session.space.mapping(at: RemoteAddress(value)) != nil { return value }
        throw PatcherError(
            Finding(
                .processStarting,
                "the slot of \(name) in \(module.shortName) of process \(session.process) isn't filled yet",
                evidence: ["pid": "\(session.process)", "symbol": name, "module": module.shortName]))
    }

    private mutating func value(
        _ source: ExternalSymbol.Source, _ name: String
    ) throws(PatcherError) -> ExternalValue {
        switch source {
        case .target(let address): return .address(address &+ module.bias)
        case .slot(let address): return .address(try bound(address, name))
        case .threadLocal(let offset): return .threadLocal(offset: offset)
        case .lookup(let name, let version, let weak):
            if let address = try lookup(name, version) { return .address(address) }
            if weak { return .address(0) }
            let full = version.map { "\(name)@\($0)" } ?? name
            throw PatcherError(
                Finding(
                    .processSymbol, "process \(session.process) has no symbol \(full), which the new code needs",
                    evidence: ["pid": "\(session.process)", "symbol": full, "module": module.shortName]))
        }
    }

    /// The address of a dynamic symbol as the dynamic linker would bind it; nil if no module defines it.
    private mutating func lookup(_ name: String, _ version: String?) throws(PatcherError) -> UInt64? {
        let modules = order ?? SearchOrder.of(session)
        order = modules
        for module in modules {
            guard let found = try? module.image.dynamicSymbols()?.find(name, version: version),
                !found.symbol.isUndefined
            else { continue }
            let address = found.symbol.place == .absolute ? found.symbol.value : found.symbol.value &+ module.bias
            guard found.symbol.type == .gnuIFunc else { return address }
            return try IndirectFunction(session: session, modules: modules)
                .implementation(of: name, resolver: found.symbol.value, in: module)
        }
        return nil
    }
}

/// A function that chooses its implementation when it is bound (STT_GNU_IFUNC).
///
/// The choice was made when the process started, and stands in a slot: of the defining module itself, or of one
/// that calls the function. Calling the resolver again isn't needed.
struct IndirectFunction {
    let session: ProcessSession
    let modules: [LoadedModule]

    /// The address that calls reach.
    func implementation(
        of name: String, resolver: UInt64, in definer: LoadedModule
    ) throws(PatcherError) -> UInt64 {
        if let own = ownSlot(resolver, definer) { return own }
        for module in modules {
            if let bound = boundSlot(name, module) { return bound }
        }
        throw PatcherError(
            Finding(
                .processSymbol,
                "\(name) chooses its implementation at run time, and nothing in process"
                    + " \(session.process) has bound it yet",
                evidence: ["pid": "\(session.process)", "symbol": name, "module": definer.shortName]))
    }

    /// The slot that the defining module filled for itself.
    private func ownSlot(_ resolver: UInt64, _ definer: LoadedModule) -> UInt64? {
        guard let dynamic = try? definer.image.dynamicSection(),
            let relocations = try? definer.image.dynamicRelocations(dynamic)
        else { return nil }
        for relocation in relocations where relocation.type == X86_64Relocation.irelative.rawValue {
            if UInt64(bitPattern: relocation.addend) == resolver {
                return try? session.memory.word(RemoteAddress(relocation.offset &+ definer.bias))
            }
        }
        return nil
    }

    /// The slot of a module that uses the function, if it is bound: until then it leads back into the module.
    private func boundSlot(_ name: String, _ module: LoadedModule) -> UInt64? {
        guard let dynamic = try? module.image.dynamicSection(),
            let symbols = try? module.image.dynamicSymbols(),
            let relocations = try? module.image.dynamicRelocations(dynamic)
        else { return nil }
        let kinds = [X86_64Relocation.jumpSlot.rawValue, X86_64Relocation.globDat.rawValue]
        for relocation in relocations where kinds.contains(relocation.type) {
            guard (try? symbols.symbol(relocation.symbol))?.symbol.name == name,
                let value = try? session.memory.word(RemoteAddress(relocation.offset &+ module.bias)),
                value != 0, module.image.span?.contains(value) != true
            else { continue }
            return value
        }
        return nil
    }
}
