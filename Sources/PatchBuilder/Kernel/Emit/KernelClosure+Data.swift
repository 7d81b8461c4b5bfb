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
