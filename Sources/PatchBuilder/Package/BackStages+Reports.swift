import ELF
import Linux
import LivePatch

// What the stages report: proofs, symbols, and the manifest.

extension BackStages {
    func reportOf(_ proven: (match: TargetMatch, target: ProvenTarget)) -> ProveReport.Target {
        ProveReport.Target(
            target: proven.match.target, rebuilt: build.links[proven.match.link].file, proof: proven.target.proof)
    }

    func reportOf(_ patch: TargetPatch) -> ResolveReport.Target {
        ResolveReport.Target(
            target: patch.input.name,
            symbols: patch.image.externals.map {
                "\(patch.image.object.symbols[$0.symbol].name): \($0.source.text)"
            },
            refusals: patch.refusals.map(\.finding))
    }

    func manifest(_ patches: [TargetPatch]) -> Manifest {
        var edits = DiffFunctions()
        for file in diff.files {
            let path = build.tree.copy + "/" + (file.oldPath ?? file.path)
            edits.add(file, textBefore: (try? FileSystem.read(path)) ?? [])
        }
        return Manifest(
            name: name, advisories: advisories, changes: changes.map(\.description), builder: BuilderVersion.text,
            toolchain: build.tools.map {
                .init(name: BuildPath.name($0.path), version: $0.version, digest: $0.digest)
            },
            targets: patches.filter { !$0.input.units.isEmpty }.map { target($0, edits) },
            notes: diff.notes + pairs.notes + patches.flatMap(\.startNotes).unique + layoutNotes(patches))
    }

    /// Types that changed where no older object can be, or where hooks see to them.
    private func layoutNotes(_ patches: [TargetPatch]) -> [String] {
        patches.flatMap { patch in
            let accepted = patch.input.units.acceptedLayouts
            return patch.input.units.flatMap { unit -> [String] in
                guard case .compared(let changes) = unit.layout else { return [] }
                return changes.filter { $0.harmless || accepted.contains($0.type) }.map { change in
                    "\(change.type) has another layout (\(change.details.joined(separator: "; "))); "
                        + (change.harmless
                            ? "only functions of this patch have objects of it, on their stacks: "
                                + change.users.joined(separator: ", ")
                            : "the fix's hooks answer for objects that exist already")
                }
            }
        }.unique
    }

    private func target(_ patch: TargetPatch, _ edits: DiffFunctions) -> Manifest.Target {
        let proof = patch.input.proven.proof
        let units = patch.input.units
        return Manifest.Target(
            name: patch.input.name,
            buildID: (try? patch.input.proven.shipped.buildID()).flatMap { $0?.description } ?? "",
            proof: .init(tier: proof.tier.rawValue, functions: proof.functions, identical: proof.identical),
            functions: functions(patch, edits),
            removed: units.flatMap { $0.comparison.functions.filter { $0.status == .removed }.map(\.name) },
            data: units.flatMap { unit in
                unit.comparison.data.map {
                    Manifest.Data(name: $0.name, unit: unit.name, change: $0.reportName, effect: $0.effect)
                }
            }, hooks: hooks(patch))
    }

    private func hooks(_ patch: TargetPatch) -> [Manifest.Hook]? {
        let hooks = patch.image.hooks.filter { $0.kind != .shadow }
        return hooks.isEmpty ? nil : hooks.map { Manifest.Hook(kind: $0.kind.name, function: $0.name) }
    }

    private func functions(_ patch: TargetPatch, _ edits: DiffFunctions) -> [Manifest.Function] {
        let replaced = Set(patch.closure.replaced.map { [$0.unit, $0.post] })
        var all: [Manifest.Function] = []
        for (index, unit) in patch.input.units.enumerated() {
            let pair = pairs.pairs.first { $0.unit == unit.name }
            let explainer = Explainer(unit: unit, pair: pair, diff: edits)
            let differences = pair.map { unit.differences(prePath: $0.pre, postPath: $0.post) } ?? [:]
            for entity in patch.closure.includedFunctions(unit: index) {
                all.append(
                    Manifest.Function(
                        name: entity.name, unit: unit.name,
                        isReplacement: replaced.contains([index, entity.index]),
                        why: explainer.why(entity), difference: differences[entity.index]))
            }
        }
        return all
    }
}

/// The builder's version, as patches name it.
package enum BuilderVersion {
    /// Name and version.
    package static let text = "tsugite 0.1.0"
}
