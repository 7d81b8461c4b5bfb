// What becomes of variables and constants that differ.

import ELF
import Findings
import KernelImage

extension KernelClosure {
    mutating func checkData(_ unit: Int) {
        let model = units[unit].post
        for change in units[unit].comparison.data {
            let section =
                change.post.map { model.sections[model.entities[$0].section].name }
                ?? change.pre.map { units[unit].pre.sections[units[unit].pre.entities[$0].section].name } ?? ""
            if KernelSections.isIgnored(section) || KernelSections.isBookkeeping(section) { continue }
            switch change.kind {
            case .newReadOnly, .newWritable, .newThreadLocal, .ambiguous: continue
            case .removed: notes.append("\(change.name) is no longer used; the kernel keeps it")
            case .changedReadOnly where change.isTakenAlong: continue
            case .changedReadOnly:
                if isUsed(unit, change) {
                    refuse(
                        unit, change.name, "a constant changed that other code reads too", remedy: Self.hookRemedy)
                }
            case .changedInitialValue:
                refuse(
                    unit, change.name, "its start value changed, and the running kernel keeps its value",
                    remedy: Self.hookRemedy)
            case .resized(let from, let to):
                refuse(unit, change.name, "its size changed from \(from) to \(to) bytes", remedy: Self.hookRemedy)
            case .moved(let isWritable):
                refuse(unit, change.name, isWritable ? "it became writable" : "it became constant")
            case .constructors:
                refuse(unit, change.name, "what runs at the start changed")
            }
        }
        checkSections(unit)
        noteExports(unit)
    }

    /// What the kernel exports is settled when it or its module is loaded: a fix can't add to it or take from it.
    ///
    /// Code of the same patch is linked to a new export all the same, and callers of a function whose parameters change
    /// are in the patch, since they changed as well.
    mutating func noteExports(_ unit: Int) {
        func exports(_ model: ObjectModel) -> Set<String> {
            // Before 6.10 the entry itself has a symbol, since then a section of its own tells the name.
            Set(
                model.symbols.compactMap { symbol in
                    ["__ksymtab_", "__export_symbol_"].first(where: symbol.name.hasPrefix).map {
                        String(symbol.name.dropFirst($0.count))
                    }
                })
        }
        let (before, after) = (exports(units[unit].pre), exports(units[unit].post))
        for name in after.subtracting(before).sorted() {
            notes.append("\(name) is a new export of \(units[unit].name): only this patch reaches it")
        }
        for name in before.subtracting(after).sorted() {
            notes.append("\(name) of \(units[unit].name) is no export any more; the kernel keeps it")
        }
    }

    static let hookRemedy =
        "Set the value from a callback in the fix (see docs/kernel-hooks.md), or reboot into the fixed kernel."

    func isUsed(_ unit: Int, _ change: DataChange) -> Bool {
        change.isGlobal || change.post.map { !units[unit].post.users(of: $0).isEmpty } ?? true
    }

    /// Sections of a kind that nobody knows here may hold anything; they must not change.
    mutating func checkSections(_ unit: Int) {
        func sizes(_ model: ObjectModel) -> [String: Int] {
            var sizes: [String: Int] = [:]
            for section in model.sections where isUnknown(section.name) {
                sizes[section.name, default: 0] += section.size
            }
            return sizes
        }
        let (before, after) = (sizes(units[unit].pre), sizes(units[unit].post))
        for name in Set(before.keys).union(after.keys).sorted() where before[name] != after[name] {
            refuse(unit, name, "a section of a kind that isn't known changed its size")
        }
    }

    func isUnknown(_ name: String) -> Bool {
        !KernelSections.isIgnored(name) && !KernelSections.isBookkeeping(name) && !KernelSections.isPlain(name)
            && !KernelSections.isPerCPU(name)
            && !resolver.tables.contains {
                $0.section == name || $0.policy == .paired(name)
            }
    }
}
