/// One translation unit in one target: what changed in it, and where it is.
package struct PatchUnit: Sendable {
    /// ``CompiledPair/unit``.
    package var name: String
    /// What differs.
    package var comparison: ObjectComparison
    /// Where the pre object's entities are in the rebuilt target.
    package var placement: UnitPlacement

    /// Makes a unit.
    package init(name: String, comparison: ObjectComparison, placement: UnitPlacement) {
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
