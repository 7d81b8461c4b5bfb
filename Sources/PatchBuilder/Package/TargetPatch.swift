package import ELF
import Findings
import LivePatch

/// One shipped binary with everything that the later stages need to know about it.
package struct TargetInput: Sendable {
    /// Soname or file name.
    package var name: String
    /// The proof.
    package var proven: ProvenTarget
    /// Its units that the diff reaches, in link order.
    package var units: [PatchUnit]
    /// Components that it needs, in the loader's search order.
    package var libraries: [NeededLibrary]

    /// Makes an input.
    package init(name: String, proven: ProvenTarget, units: [PatchUnit], libraries: [NeededLibrary]) {
        self.name = name
        self.proven = proven
        self.units = units
        self.libraries = libraries
    }
}

/// What the patch does to one target, or why there can't be one.
package struct TargetPatch {
    /// The target.
    package var input: TargetInput
    /// The closure.
    var closure: PatchClosure
    /// The loadable part; symbols and sections numbered by themselves.
    var image: TargetImage
    /// Everything that stands in the way; empty if the patch can be made.
    package var refusals: [BuildError]

    /// Changed functions that only run when a program starts: running processes are past them.
    var startNotes: [String] {
        closure.replaced.compactMap { function in
            let unit = input.units[function.unit]
            let name = unit.post.entities[function.post].name
            guard name == "main" || unit.post.constructors.contains(name) else { return nil }
            return "\(name) runs once, when \(input.name) starts; running processes are past its beginning"
        }
    }

    /// Whether the diff changes nothing that this target runs.
    package var isEmpty: Bool {
        closure.replaced.isEmpty && image.dataWrites.isEmpty && image.hooks.isEmpty && refusals.isEmpty
    }
}

extension TargetPatch {
    /// Resolves and assembles; pure.
    package init(_ input: TargetInput) throws(ELFError) {
        var input = input
        let placer = try UnitPlacer(input.proven.rebuilt)
        var refusals = input.units.flatMap { unit in
            unit.comparison.data.filter(\.isBlocking).filter { $0.isIn(unit) }.map { $0.refusal(in: unit.name) }
                + unit.linkerSetRefusals
        }
        refusals += input.units.layoutRefusals
        refusals += UnitProof.prove(&input.units, placer, input.proven)
        closure = PatchClosure(input.units)
        try closure.run()
        refusals += closure.refusals + closure.identityRefusals()
        let resolver = try Resolver(input.proven, map: placer.map, libraries: input.libraries)
        var assembler = TargetAssembler(closure, resolver)
        assembler.run()
        try assembler.addFrames()
        refusals += assembler.replaceFunctions(input.proven, placer.map)
        refusals += assembler.findThreadStorage(input.proven)
        refusals += assembler.writeData(input.proven)
        image = assembler.image
        refusals += image.refusals
        self.input = input
        self.refusals = refusals
    }
}

extension DataChange {
    /// Whether the target has the old variable at all; the linker may have dropped it.
    fileprivate func isIn(_ unit: PatchUnit) -> Bool {
        pre.map { unit.placement.addresses[$0] != nil } ?? true
    }
}

extension TargetAssembler {
    /// Fills in the table of replaced functions.
    mutating func replaceFunctions(_ target: ProvenTarget, _ map: LinkMap) -> [BuildError] {
        var refusals: [BuildError] = []
        let room = EntryRoom(
            file: target.shipped, starts: map.places.compactMap { target.translate($0) }.sorted())
        for function in closure.replaced {
            let unit = units[function.unit]
            let name = unit.post.entities[function.post].name
            let entity = unit.pre.entities[function.pre]
            guard let address = target.translate(function.address) else { continue }
            guard let symbol = symbol(unit: function.unit, entity: function.post) else { continue }
            if entity.type == .gnuIFunc {
                refusals.append(
                    BuildError(
                        .objectUnsupported,
                        "\(name) chooses an implementation when the program starts; it has chosen",
                        evidence: ["function": name, "kind": "IFUNC"]))
                continue
            }
            let size = map.function(at: function.address)?.size
            switch room.original(name: name, address: address, size: size ?? UInt64(entity.range.count)) {
            case .failure(let error): refusals.append(error)
            case .success(let original):
                image.functions.append(
                    ReplacedFunction(
                        name: name, address: address, size: size ?? UInt64(entity.range.count),
                        entrySkip: EntryRoom.entrySkip(original), original: original, replacement: symbol,
                        parts: parts(of: entity, unit, target, map)))
            }
        }
        image.functions.sort { $0.address < $1.address }
        return refusals + inboundBranches(target, map)
    }

    /// Read-only data that others use as well: what is written over it in place.
    mutating func writeData(_ target: ProvenTarget) -> [BuildError] {
        var refusals: [BuildError] = []
        var taken: Set<UInt64> = []
        for unit in units {
            for change in unit.comparison.data where !change.isTakenAlong && !change.runs.isEmpty {
                guard let pre = change.pre, let post = change.post, let address = unit.placement.addresses[pre]
                else {
                    continue
                }
                let (old, new) = (
                    Array(unit.pre.bytes(unit.pre.entities[pre])), Array(unit.post.bytes(unit.post.entities[post]))
                )
                if resolver.imports.isInterposable, change.isGlobal, resolver.imports.dynamic[change.name] != nil {
                    // The program may have a copy of its own (COPY relocation), or another component's.
                    refusals.append(change.refusal(in: unit.name))
                    continue
                }
                guard let place = target.translate(address),
                    let found = try? target.shipped.contents(atAddress: place, count: UInt64(old.count)).bytes,
                    found == old
                else {
                    refusals.append(
                        BuildError(
                            .proofReference, "the constant \(change.name) wasn't found in the shipped target",
                            evidence: ["variable": change.name, "unit": unit.name]))
                    continue
                }
                // Constants that the linker merged, or that several units hold, are one.
                guard taken.insert(place).inserted else { continue }
                for run in change.runs {
                    image.dataWrites.append(
                        DataWrite(
                            name: change.name, address: place &+ UInt64(run.lowerBound), original: Array(old[run]),
                            replacement: Array(new[run])))
                }
            }
        }
        image.dataWrites.sort { $0.address < $1.address }
        return refusals
    }

    /// Where the old function's rarely executed part is.
    private func parts(of function: Entity, _ unit: PatchUnit, _ target: ProvenTarget, _ map: LinkMap)
        -> [CodeRange]
    {
        unit.pre.entities.filter { $0.kind == .function && $0.parsedName.isCold }.compactMap { cold -> CodeRange? in
            guard unit.pre.parent(ofCold: cold, [function.name: function.index]) == function.index,
                let address = unit.placement.addresses[cold.index], let shipped = target.translate(address)
            else { return nil }
            let size = map.function(at: address)?.size ?? UInt64(cold.range.count)
            guard let bytes = try? target.shipped.contents(atAddress: shipped, count: size).bytes, !bytes.isEmpty
            else {
                return nil
            }
            return CodeRange(address: shipped, original: bytes)
        }
    }

    /// Code that jumps into bytes that a trampoline takes.
    private func inboundBranches(_ target: ProvenTarget, _ map: LinkMap) -> [BuildError] {
        let taken = image.functions.map { function in
            let start = function.address &+ UInt64(function.entrySkip)
            return Range(from: start, count: UInt64(EntryRoom.jumpLength))
        }
        var dead = image.functions.map { Range(from: $0.address, count: UInt64($0.original.count)) }
        dead += image.functions.flatMap(\.parts).map { Range(from: $0.address, count: UInt64($0.original.count)) }
        let functions = map.functions().compactMap { entry -> LinkMap.Entry? in
            guard let address = target.translate(entry.address) else { return nil }
            var moved = entry
            moved.address = address
            return moved
        }
        return InboundBranches.find(in: target.shipped, functions: functions, into: taken, dead: dead).map {
            branch in
            let name =
                image.functions.first { $0.address <= branch.to && branch.to - $0.address < $0.size }?.name ?? ""
            let source = functions.last { $0.address <= branch.from }?.name ?? hex(branch.from)
            return BuildError(
                .functionEntered, "\(source) jumps into the first bytes of \(name)",
                evidence: ["function": name, "from": hex(branch.from), "to": hex(branch.to)])
        }
    }

    /// Says how thread-local variables are found, if the new code uses any.
    mutating func findThreadStorage(_ target: ProvenTarget) -> [BuildError] {
        let uses = image.externals.contains { if case .threadLocal = $0.source { true } else { false } }
        guard uses else { return [] }
        let sizes = [target.shipped, target.rebuilt].map { file in
            file.segments.first { $0.type == .tls }.map { [$0.memorySize, $0.alignment] as [UInt64] }
        }
        guard sizes[0] == sizes[1] else {
            return [
                BuildError(
                    .proofReference,
                    "the shipped target's thread-local variables aren't laid out as the rebuilt ones")
            ]
        }
        switch resolver.threadStorage(of: target.shipped) {
        case .success(let storage):
            image.threadStorage = storage
            return []
        case .failure(let error): return [error]
        }
    }
}
