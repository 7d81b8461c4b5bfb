package import ELF
import Findings
package import LivePatch

// Where each symbol that the new code needs is found in a running process. The order follows what the
// original code would do, so that patched and unpatched code see the same things:
//
// 1. *Inside the target* (static, hidden, exported): at its address. Exceptions: an exported symbol of a
//    shared object may be interposed, so calls go through the target's PLT stub and data through its GOT
//    slot, where it has them; an IFUNC is reached through the slot that holds the chosen function.
// 2. *Imported already*: calls through the PLT stub, data and addresses through the GOT slot. A variable
//    copied into the executable (COPY) is inside the target.
// 3. *New import*: looked up by name and version when the patch is applied, among the modules of the
//    process. The version is the default one of the library that defines it now.
// 4. *Weak and nowhere*: null, as the dynamic linker would have it.
//
// Anything else is refused by name.

/// Finds symbols for one target; pure but for `library`, which opens needed components.
package struct Resolver {
    private let target: ProvenTarget
    private let map: LinkMap
    /// What the shipped file imports.
    package let imports: TargetImports
    private let libraries: [NeededLibrary]

    /// Reads the shipped file's dynamic part; `libraries` are those that the target needs, in search order.
    package init(_ target: ProvenTarget, map: LinkMap, libraries: [NeededLibrary]) throws(ELFError) {
        self.target = target
        self.map = map
        self.libraries = libraries
        imports = try TargetImports(target.shipped)
    }

    /// A symbol that the target itself defines, at an address of the rebuilt file.
    package func own(_ name: String, at address: UInt64, isGlobal: Bool, type: SymbolType, use: SymbolUse)
        -> Result<ExternalSymbol.Source, BuildError>
    {
        if use == .threadLocal || type == .tls { return .success(.threadLocal(offset: address)) }
        if isGlobal, isInterposable(name) {
            if let stub = imports.stubs[name], use == .call { return .success(.target(address: stub)) }
            if let slot = imports.slots[name] { return .success(.slot(address: slot)) }
            // The executable may hold a copy of the variable; only the loader's search finds that.
            if type == .object { return .success(lookup(name, weak: false)) }
        }
        guard let shipped = target.translate(address) else { return .failure(notFound(name, address)) }
        if type == .gnuIFunc {
            guard let slot = imports.resolverSlots[shipped] else { return .failure(withoutSlot(name)) }
            return .success(.slot(address: slot))
        }
        return .success(.target(address: shipped))
    }

    /// A symbol that no unit of the patch defines.
    package func named(_ name: String, isWeak: Bool, use: SymbolUse) -> Result<ExternalSymbol.Source, BuildError> {
        if let own = map.shared(name) {
            return self.own(name, at: own.address, isGlobal: own.binding != .local, type: own.type, use: use)
        }
        if use == .threadLocal { return .failure(foreignThreadLocal(name)) }
        if use == .call, let stub = imports.stubs[name] { return .success(.target(address: stub)) }
        if let slot = imports.slots[name] { return .success(.slot(address: slot)) }
        if let symbol = imports.dynamic[name] {
            // In an executable at a fixed address the PLT stub is the function's address for everybody.
            if symbol.symbol.isUndefined, symbol.symbol.value != 0 {
                return .success(.target(address: symbol.symbol.value))
            }
            return .success(.lookup(name: name, version: symbol.version?.name, weak: isWeak))
        }
        for library in libraries {
            if let found = library.definition(name) {
                return .success(.lookup(name: name, version: found.version?.name, weak: isWeak))
            }
        }
        if isWeak { return .success(.lookup(name: name, version: nil, weak: true)) }
        return .failure(undefined(name))
    }

    /// Whether another component may define the symbol instead.
    private func isInterposable(_ name: String) -> Bool {
        guard imports.isInterposable, !imports.isSymbolic, let symbol = imports.dynamic[name]?.symbol else {
            return false
        }
        return !symbol.isUndefined && symbol.visibility == .default
    }

    private func lookup(_ name: String, weak: Bool) -> ExternalSymbol.Source {
        .lookup(name: name, version: imports.dynamic[name]?.version?.name, weak: weak)
    }
}

extension Resolver {
    private func notFound(_ name: String, _ address: UInt64) -> BuildError {
        var error = BuildError(
            .proofReference, "the new code needs \(name), which wasn't found in the shipped target",
            evidence: ["symbol": name, "rebuilt address": hex(address)])
        if let mismatch = target.mismatch(ofFunctionAt: address) { error = error.adding(mismatch) }
        return error
    }

    private func withoutSlot(_ name: String) -> BuildError {
        BuildError(
            .symbolUnresolved, "the target has no slot for the function that \(name) chooses when it starts",
            evidence: ["symbol": name, "kind": "IFUNC"])
    }

    private func foreignThreadLocal(_ name: String) -> BuildError {
        BuildError(
            .symbolUnresolved, "\(name) is a thread-local variable of another component",
            evidence: ["symbol": name, "kind": "thread-local"])
    }

    private func undefined(_ name: String) -> BuildError {
        BuildError(
            .symbolUnresolved, "nothing defines \(name)",
            evidence: [
                "symbol": name,
                "searched": (["the target"] + libraries.map(\.name)).joined(separator: ", "),
            ])
    }
}

/// A component that the target needs, directly or not.
package struct NeededLibrary: Sendable {
    /// As in `DT_NEEDED`.
    package var name: String
    private let symbols: DynamicSymbols<ELFFile>?

    /// Takes an opened component.
    package init(name: String, _ file: ELFFile) throws(ELFError) {
        self.name = name
        symbols = try file.dynamicSymbols()
    }

    /// Its default definition of a symbol.
    package func definition(_ name: String) -> VersionedSymbol? {
        guard let found = try? symbols?.find(name), !found.symbol.isUndefined else { return nil }
        return found
    }
}

extension BuildError {
    /// Adds where two functions differ.
    package func adding(_ mismatch: CodeMismatch) -> BuildError {
        adding("offset", hex(UInt64(mismatch.offset))).adding("expected", hex(mismatch.expected))
            .adding("found", hex(mismatch.found)).adding("difference", mismatch.reason)
    }
}

/// `0x` and lower-case digits.
package func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

/// Bytes as pairs of digits.
package func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
}
