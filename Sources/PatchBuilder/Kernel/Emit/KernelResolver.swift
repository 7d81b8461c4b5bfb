import ELF
import Findings
import KernelImage

/// Names for things of the kernel, in the way a live patch has to say them.
struct KernelResolver: Sendable {
    /// The kernel proper.
    let kernel: KernelSymbolTable
    /// What kernel and modules export.
    let exports: ExportTable
    /// The tables of this kernel's objects.
    let tables: [KernelTable]

    /// The symbol at an address of a unit's object that has one of the names.
    ///
    /// The names of clones differ in numbers between builds, so a symbol of another number at that address is the
    /// same thing.
    func symbol(at address: UInt64, names: [String], in unit: KernelPatchUnit) -> KernelDestination? {
        let table = unit.object.symbols
        let there = table.symbols(at: address)
        let keys = Set(names.map { EntityName($0).key })
        guard
            let found = there.first(where: { names.contains($0.name) })
                ?? there.first(where: { keys.contains(EntityName($0.name).key) }),
            let position = table.position(of: found)
        else { return nil }
        if unit.isKernel, position == 0, isExported(found.name) { return .export(found.name) }
        return .symbol(object: unit.object.name, name: found.name, position: position)
    }

    /// A symbol that another object file defines.
    func external(_ name: String, in unit: KernelPatchUnit) -> Result<KernelDestination, BuildError> {
        if isExported(name) { return .success(.export(name)) }
        if !unit.isKernel {
            // Another file of the same module.
            if let found = only(unit.object.symbols.named(name)),
                let position = unit.object.symbols.position(of: found)
            {
                return .success(.symbol(object: unit.object.name, name: name, position: position))
            }
            if let export = exports[name] {
                return .success(
                    .symbol(
                        object: export.owner.split(separator: "/").last.map(String.init)?
                            .replacing("-", with: "_") ?? export.owner, name: name, position: 0))
            }
        }
        guard let found = only(kernel.named(name)), let position = kernel.position(of: found) else {
            return .failure(
                BuildError(
                    .kernelRefused,
                    "\(unit.name) refers to \(name), which this kernel doesn't have or has more than once",
                    evidence: ["unit": unit.name, "symbol": name],
                    remedy: "Add the files of the fix that define it."))
        }
        return .success(.symbol(object: "vmlinux", name: name, position: position))
    }

    private func isExported(_ name: String) -> Bool { exports[name]?.owner == "vmlinux" }

    /// The one symbol, or the one that other files can mean: the global one.
    private func only(_ symbols: [KernelSymbol]) -> KernelSymbol? {
        if symbols.count == 1 { return symbols[0] }
        let shared = symbols.filter(\.isGlobal)
        return shared.count == 1 ? shared[0] : nil
    }
}
