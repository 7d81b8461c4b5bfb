// The last stage: from the closure to the patch file.

import ELF
import Findings
import KernelImage
import LivePatch

extension KernelBuilder {
    func emit(
        _ closure: KernelClosure, _ label: KernelPatchLabel, _ changes: [Digest], diff: [UInt8], notes: [String]
    ) throws(BuildError) -> KernelBuildResult {
        var layout = ModuleLayout(closure)
        let targets = try targets(closure)
        let patch = KernelPatch(
            name: label.name, module: Self.moduleName(label.name), release: kernel.release, buildID: kernel.buildID,
            changes: changes, advisories: label.advisories, effective: label.effective, replaces: label.replaces,
            targets: targets)
        let (file, reasons) = try write(closure, patch, &layout, diff)
        return KernelBuildResult(
            file: try sign(file, label.signature), patch: patch, notes: reasons + closure.notes + notes)
    }

    private func write(
        _ closure: KernelClosure, _ patch: KernelPatch, _ layout: inout ModuleLayout, _ diff: [UInt8]
    ) throws(BuildError) -> (file: [UInt8], reasons: [String]) {
        var objects: [LivePatchStructures.Object] = []
        for target in patch.targets { objects.append(try structure(target, closure, layout)) }
        do throws(KernelImageError) {
            let structures = try LivePatchStructures(types)
            let states = KernelHooks.states(closure.units)
            let place = try structures.write(objects, states: states, replaces: patch.replaces, into: &layout)
            var writer = KernelModuleWriter(
                layout, frame: KernelModuleWriter.Frame(types: types, sample: sample, exports: exports),
                description: patch)
            let file = try writer.write(patch: place, diff: diff)
            let reasons = closure.replaced.map { function in
                let unit = closure.units[function.unit]
                return "\(unit.post.entities[function.post].name) (\(unit.object.name)): \(function.reason)"
            }
            return (file, reasons)
        } catch {
            throw BuildError(error)
        }
    }

    /// Letters, digits and `_`, at most 55: what a module may be called.
    private static func moduleName(_ name: String) -> String {
        let plain = name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
        return KernelPatch.modulePrefix + String(plain.prefix(47))
    }

    private func targets(_ closure: KernelClosure) throws(BuildError) -> [KernelPatchTarget] {
        var targets: [KernelPatchTarget] = []
        for function in closure.replaced {
            let unit = closure.units[function.unit]
            let code = try code(function, unit)
            if let known = targets.firstIndex(where: { $0.name == unit.object.name }) {
                targets[known].functions.append(code)
            } else {
                let file = (unit.object as? ModuleImage)?.module.file
                targets.append(
                    KernelPatchTarget(
                        name: unit.object.name, buildID: file.flatMap { try? $0.buildID() }, functions: [code]))
            }
        }
        return targets
    }

    private func code(_ function: ReplacedKernelFunction, _ unit: KernelPatchUnit) throws(BuildError)
        -> ReplacedKernelCode
    {
        let entity = unit.pre.entities[function.pre]
        let table = unit.object.symbols
        guard case .proven(let match) = unit.proofs[function.pre],
            let symbol = Self.symbol([entity.name] + entity.aliases, at: function.address, table),
            let position = table.position(of: symbol)
        else {
            throw BuildError(
                .kernelMismatch, "\(entity.name) has no symbol in \(unit.object.name)",
                evidence: ["unit": unit.name])
        }
        do throws(KernelImageError) {
            let bytes = try unit.object.contents(at: function.address, count: UInt64(match.size)).bytes
            let map = unit.isKernel ? sites : try SiteMap(of: unit.object, types: types)
            var mask = map.mask(of: function.address..<(function.address + UInt64(match.size)))
            for field in unit.movedFields[function.pre] ?? [] {
                for index in field where mask.indices.contains(index) { mask[index] = true }
            }
            return ReplacedKernelCode(name: symbol.name, position: position, original: bytes, mutable: mask.ranges)
        } catch {
            throw BuildError(error)
        }
    }

    /// Of several names for one function the one that people know: a shared one, and not that of another ABI.
    private static func symbol(_ names: [String], at address: UInt64, _ table: KernelSymbolTable) -> KernelSymbol? {
        let there = table.symbols(at: address).filter { names.contains($0.name) }
        return there.first { $0.isGlobal && !$0.name.hasPrefix("__ia32_") } ?? there.first(where: \.isGlobal)
            ?? there.first
    }

    private func structure(_ target: KernelPatchTarget, _ closure: KernelClosure, _ layout: ModuleLayout)
        throws(BuildError) -> LivePatchStructures.Object
    {
        let mine = closure.replaced.filter { closure.units[$0.unit].object.name == target.name }
        var functions: [LivePatchStructures.Function] = []
        for (code, function) in zip(target.functions, mine) {
            guard let place = layout.place(unit: function.unit, entity: function.post) else { continue }
            functions.append(LivePatchStructures.Function(name: code.name, position: code.position, new: place))
        }
        var callbacks: [(name: String, target: ModuleArea.Target)] = []
        for kind in KernelHooks.callbacks {
            guard let found = try KernelHooks.callback(kind, object: target.name, closure.units),
                let place = layout.place(unit: found.unit, entity: found.entity)
            else { continue }
            callbacks.append((kind, place))
        }
        return LivePatchStructures.Object(name: target.name, functions: functions, callbacks: callbacks)
    }
}

extension [Bool] {
    /// The runs of `true`.
    var ranges: [Range<Int>] {
        var ranges: [Range<Int>] = []
        for (index, isSet) in enumerated() where isSet {
            if let last = ranges.last, last.upperBound == index {
                ranges[ranges.count - 1] = last.lowerBound..<(index + 1)
            } else {
                ranges.append(index..<(index + 1))
            }
        }
        return ranges
    }
}
