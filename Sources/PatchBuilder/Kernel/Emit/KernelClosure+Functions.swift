// Which functions the module replaces.

import ELF
import Findings
import KernelImage

extension KernelClosure {
    mutating func findReplaced() {
        for unit in units.indices {
            for change in units[unit].comparison.functions {
                guard let post = change.post else {
                    continue
                }
                replace(unit, post, reason: Self.describe(change.status), from: [])
            }
        }
    }

    static func describe(_ status: FunctionChange.Status) -> String {
        switch status {
        case .changed(let offset): "changed at +0x" + String(offset, radix: 16)
        case .family(let name): "part of \(name)"
        case .usesData(let names): "uses \(names.joined(separator: ", "))"
        case .new: "new"
        case .removed: "removed"
        }
    }

    /// Replaces a function, or those that call it if it can't be.
    mutating func replace(_ unit: Int, _ post: Int, reason: String, from chain: [Int]) {
        let entity = units[unit].post.entities[post]
        let section = units[unit].post.sections[entity.section].name
        guard let pre = units[unit].comparison.correlation.preOf[post],
            !replaced.contains(where: { $0.unit == unit && $0.post == post }), !chain.contains(post)
        else { return }
        if KernelSections.isInit(section) {
            notes.append(
                "\(entity.name) in \(units[unit].name) runs only when \(units[unit].isKernel ? "the kernel" : "its module") "
                    + "starts or ends, and can't be redirected; its change has no effect")
            return
        }
        if KernelSections.isIgnored(section) || entity.parsedName.isCold { return }
        switch units[unit].proofs[pre] {
        case .proven:
            guard let address = units[unit].addresses[pre] else { return }
            if units[unit].isTraced(address) {
                replaced.append(
                    ReplacedKernelFunction(unit: unit, post: post, pre: pre, address: address, reason: reason))
            } else {
                replaceCallers(unit, post, chain: chain + [post])
            }
        case .mismatch(let mismatch):
            if !refusals.contains(mismatch.error) { refusals.append(mismatch.error) }
        case .overridden:
            notes.append("\(entity.name) in \(units[unit].name) isn't used: another function took its place")
        // Not in the kernel: whoever has it inlined differs by himself.
        case .absent, nil: break
        }
    }

    mutating func replaceCallers(_ unit: Int, _ post: Int, chain: [Int]) {
        let entity = units[unit].post.entities[post]
        let users = units[unit].post.users(of: post).filter { !chain.contains($0) }
        if entity.isGlobal || users.isEmpty
            || users.contains(where: { units[unit].post.entities[$0].kind != .function })
        {
            refuse(
                unit, entity.name,
                "it can't be redirected (no tracing at its entry), and others than its own file use it")
            return
        }
        notes.append("\(entity.name) can't be redirected, so its callers are replaced")
        for user in users { replace(unit, user, reason: "calls \(entity.name)", from: chain) }
    }

    /// Functions that the module runs by itself when it is applied or undone.
    mutating func includeHooks(_ unit: Int) {
        for section in units[unit].post.sections where section.name.hasPrefix(KernelHooks.prefix) {
            for reference in section.references {
                if case .entity(let entity) = reference.target { include(unit: unit, entity: entity) }
            }
        }
    }
}
