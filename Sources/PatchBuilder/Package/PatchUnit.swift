import Findings
import LivePatch

/// One translation unit in one target: what changed in it, and where it is.
package struct PatchUnit: Sendable {
    /// ``CompiledPair/unit``.
    package var name: String
    /// What differs.
    package var comparison: ObjectComparison
    /// Where the pre object's entities are in the rebuilt target.
    package var placement: UnitPlacement
    /// Whether types changed.
    package var layout: LayoutVerdict

    /// Makes a unit.
    package init(
        name: String, comparison: ObjectComparison, placement: UnitPlacement, layout: LayoutVerdict = .compared([])
    ) {
        self.layout = layout
        self.name = name
        self.comparison = comparison
        self.placement = placement
    }

    package var pre: ObjectModel { comparison.pre }
    package var post: ObjectModel { comparison.post }

    /// Rebuilt address of the old counterpart of an entity of the post object.
    package func oldAddress(ofPost index: Int) -> UInt64? {
        comparison.correlation.preOf[index].flatMap { placement.addresses[$0] }
    }
}

/// A piece of a post object that goes into the patch file as one: a function, a string, a whole section.
struct Piece: Hashable {
    /// Index of the unit.
    var unit: Int
    /// Index into ``ObjectModel/sections`` of the post object.
    var section: Int
    /// Bytes of that section.
    var range: Range<Int>
}

/// What a reference of new code leads to.
enum Destination: Hashable {
    /// Something that comes with the patch.
    case included(unit: Int, entity: Int)
    /// Something that the target has: name, rebuilt address.
    case own(String, UInt64, OwnKind)
    /// Something by name.
    case named(String, isWeak: Bool)

    /// What kind of thing the target has there.
    struct OwnKind: Hashable {
        var isGlobal: Bool
        var type: UInt8
    }
}

extension [PatchUnit] {
    /// Why objects that exist already stand in the way: one refusal for each type, whatever the number of units.
    ///
    /// Those for which the author's hooks answer don't.
    var layoutRefusals: [BuildError] {
        let accepted = acceptedLayouts
        var order: [String] = []
        var found: [String: (change: LayoutChange, units: [String])] = [:]
        var refusals: [BuildError] = []
        for unit in self {
            switch unit.layout {
            case .unknown(let reason):
                refusals.append(
                    BuildError(
                        .layoutUnknown, "the types of \(unit.name) can't be compared",
                        evidence: ["unit": unit.name, "reason": reason]))
            case .compared(let changes):
                for change in changes where !change.harmless && !accepted.contains(change.type) {
                    let key = change.type + change.details.joined()
                    if found[key] == nil { order.append(key) }
                    found[key, default: (change, [])].units.append(unit.name)
                    let known = Set(found[key]?.change.users ?? [])
                    found[key]?.change.users += change.users.filter { !known.contains($0) }
                }
            }
        }
        return refusals + order.compactMap { found[$0] }.map { Self.refusal($0.change, $0.units) }
    }

    /// Types whose objects of the old layout the fix's own hooks see to, when it comes and when it goes.
    var acceptedLayouts: Set<String> {
        let names = flatMap { unit in unit.post.entities.map(\.name) }
        let kinds = Set(names.compactMap { HookMark($0)?.kind })
        guard !kinds.isDisjoint(with: [.preApply, .apply]), !kinds.isDisjoint(with: [.preUndo, .undo]) else {
            return []
        }
        return Set(names.compactMap(HookMark.acceptedType))
    }

    private static func refusal(_ change: LayoutChange, _ units: [String]) -> BuildError {
        func list(_ names: [String]) -> String {
            names.prefix(12).joined(separator: ", ") + (names.count > 12 ? " and \(names.count - 12) more" : "")
        }
        return BuildError(
            .layoutChanged, "the fix changes the layout of \(change.type)",
            evidence: [
                "type": change.type, "changes": change.details.joined(separator: "; "),
                "used by": list(change.users),
                "units": list(units),
            ])
    }
}
