package import ELF
import Findings
package import LivePatch

/// What the builder was asked for, and came to.
package enum BuildOutcome {
    /// A live patch.
    case patch(LivePatch)
    /// The diff changes nothing that any target runs.
    case nothingToDo
    /// It can't be made; every reason found.
    case refused([BuildError])
}

/// The facts of a patch that no target decides.
package struct PatchIdentity: Sendable {
    /// Name for people.
    package var name: String
    /// Digests of the diffs, in order.
    package var changes: [Digest]
    /// The diffs, one behind the other.
    package var diff: [UInt8]

    /// Makes an identity.
    package init(name: String, changes: [Digest], diff: [UInt8]) {
        self.name = name
        self.changes = changes
        self.diff = diff
    }
}

/// Joins the images of all targets into one patch.
///
/// Several binaries made of the same objects (two programs with one static library, builds of one package)
/// often need the very same sections and symbols; those are stored once and the targets share them.
package struct PatchAssembly {
    private var object = PatchObject()
    private var images: [(image: PatchObject, sections: Int, symbols: Int)] = []
    private var targets: [PatchTarget] = []

    /// An assembly without targets.
    package init() {}

    /// Joins; `manifest` gets what there is to explain.
    package static func join(_ identity: PatchIdentity, _ patches: [TargetPatch], manifest: [UInt8])
        throws(ELFError)
        -> BuildOutcome
    {
        let refusals = patches.flatMap(\.refusals)
        guard refusals.isEmpty else { return .refused(refusals.unique) }
        var assembly = PatchAssembly()
        for patch in patches where !patch.isEmpty {
            if let refusal = try assembly.add(patch) { return .refused([refusal]) }
        }
        guard let machine = patches.first?.input.proven.shipped.machine, !assembly.targets.isEmpty else {
            return .nothingToDo
        }
        return .patch(
            LivePatch(
                name: identity.name, machine: machine, changes: identity.changes, targets: assembly.targets,
                object: assembly.object, manifest: manifest, diff: identity.diff))
    }

    private mutating func add(_ patch: TargetPatch) throws(ELFError) -> BuildError? {
        guard let buildID = try patch.input.proven.shipped.buildID() else {
            return BuildError(
                .targetUnknown, "\(patch.input.name) has no build-id, so running processes can't be recognised",
                evidence: ["target": patch.input.name], remedy: "Link it with -Wl,--build-id.")
        }
        let image = patch.image
        let base = place(image.object)
        let sections = base.sections..<base.sections + image.object.sections.count
        targets.append(
            PatchTarget(
                name: patch.input.name, buildID: buildID, type: patch.input.proven.shipped.type,
                sections: Array(sections),
                functions: image.functions.map { function in
                    var moved = function
                    moved.replacement += base.symbols
                    return moved
                },
                externals: image.externals.map {
                    ExternalSymbol(symbol: $0.symbol + base.symbols, source: $0.source)
                },
                threadStorage: image.threadStorage, dataWrites: image.dataWrites,
                hooks: image.hooks.map {
                    PatchHook(kind: $0.kind, name: $0.name, symbol: $0.symbol + base.symbols)
                }))
        return nil
    }

    /// Where an image's sections and symbols start, added now if none of equal content is there.
    private mutating func place(_ image: PatchObject) -> (sections: Int, symbols: Int) {
        if let known = images.first(where: { $0.image == image }) { return (known.sections, known.symbols) }
        let base = (sections: object.sections.count, symbols: object.symbols.count)
        images.append((image, base.sections, base.symbols))
        object.sections += image.sections.map { section in
            var moved = section
            moved.relocations = section.relocations.map {
                Relocation(offset: $0.offset, type: $0.type, symbol: $0.symbol + base.symbols, addend: $0.addend)
            }
            return moved
        }
        object.symbols += image.symbols.map { symbol in
            var moved = symbol
            moved.section = symbol.section.map { $0 + base.sections }
            return moved
        }
        return base
    }
}

extension Array where Element: Equatable {
    /// Each once, in order.
    var unique: [Element] {
        var kept: [Element] = []
        for element in self where !kept.contains(element) { kept.append(element) }
        return kept
    }
}
