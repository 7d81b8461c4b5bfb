import ELF

/// What became of one variable or constant, and what follows from it for a running process.
package struct DataChange: Sendable, Equatable {
    /// The change.
    ///
    /// Changes of a type's layout will be found by comparing debug information; they will be cases of this
    /// enumeration.
    package enum Kind: Sendable, Equatable {
        /// Only after the diff; read-only.
        case newReadOnly
        /// Only after the diff; starts with its initial value when the patch is applied.
        case newWritable
        /// Only after the diff; thread-local, for which no running thread has room.
        case newThreadLocal
        /// May be a variable of before under another number, or a new one.
        case ambiguous
        /// Read-only content differs.
        case changedReadOnly
        /// Running processes keep the value that they have.
        case changedInitialValue
        /// A writable variable has another size, in bytes; the old one can't grow in place.
        case resized(from: Int, to: Int)
        /// Went from read-only to writable memory or back.
        case moved(writableNow: Bool)
        /// Only before the diff; running processes keep it.
        case removed
        /// A function is newly run when the program starts, or no longer; running processes are past that.
        case constructors
    }

    /// The symbol.
    package var name: String
    /// The change.
    package var kind: Kind
    /// Whether other translation units can refer to it.
    package var isGlobal: Bool
    /// In bytes, after the diff if it exists then.
    package var size: Int
    /// Index in the pre object.
    package var pre: Int?
    /// Index in the post object.
    package var post: Int?
    /// For ``Kind/changedReadOnly``: every user is a function that comes with the patch and uses the new copy.
    package var isTakenAlong = false
    /// For ``Kind/changedReadOnly``: the bytes that differ, if writing them over in place brings the change about.
    package var runs: [Range<Int>] = []
}

extension DataChange {
    /// Where two constants of equal size differ; none if they hold addresses, which depend on the process.
    static func runs(_ pre: ObjectModel, _ first: Int, _ post: ObjectModel, _ second: Int) -> [Range<Int>] {
        let (old, new) = (pre.entities[first], post.entities[second])
        // What the linker merged with equal constants of others isn't this one's to change.
        let sections = (pre.sections[old.section], post.sections[new.section])
        guard !sections.0.isStrings, !sections.0.isConstants, !sections.1.isStrings, !sections.1.isConstants,
            pre.references(old).isEmpty, post.references(new).isEmpty, old.range.count == new.range.count
        else { return [] }
        let (before, after) = (Array(pre.bytes(old)), Array(post.bytes(new)))
        guard before.count == after.count else { return [] }
        var runs: [Range<Int>] = []
        for index in before.indices where before[index] != after[index] {
            // Gaps of a few equal bytes are not worth a write of their own.
            if let last = runs.last, index - last.upperBound < 8 {
                runs[runs.count - 1] = last.lowerBound..<index + 1
            } else {
                runs.append(index..<index + 1)
            }
        }
        return runs
    }
}

extension DataChange {
    init(_ kind: Kind, _ pre: ObjectModel, _ first: Int, _ post: ObjectModel, _ second: Int) {
        let entity = post.entities[second]
        self.init(
            name: entity.name, kind: kind, isGlobal: entity.isGlobal || pre.entities[first].isGlobal,
            size: entity.range.count, pre: first, post: second)
    }

    init(newIn model: ObjectModel, _ entity: Entity, isAmbiguous: Bool) {
        let section = model.sections[entity.section]
        let kind: Kind =
            isAmbiguous && section.isWritable
            ? .ambiguous
            : entity.kind == .threadLocal ? .newThreadLocal : section.isWritable ? .newWritable : .newReadOnly
        self.init(
            name: entity.name, kind: kind, isGlobal: entity.isGlobal, size: entity.range.count, post: entity.index)
    }

    init(removedFrom model: ObjectModel, _ entity: Entity) {
        self.init(
            name: entity.name, kind: .removed, isGlobal: entity.isGlobal, size: entity.range.count,
            pre: entity.index)
    }
}

extension ObjectModel {
    /// Names of the functions that run when the program starts or ends.
    var constructors: [String] {
        entities.filter { $0.kind == .anonymous }.filter { entity in
            let section = sections[entity.section]
            return [.initArray, .finiArray, .preinitArray].contains(section.type)
                || [".ctors", ".dtors"].contains(section.name)
        }.flatMap { references($0).map { describe($0.target) } }
    }
}

extension ObjectComparison {
    /// Compares the lists of functions that run at start and exit, by the functions' names.
    mutating func compareConstructors() {
        let (before, after) = (pre.constructors, post.constructors)
        let added = after.filter { !before.contains($0) }
        let removed = before.filter { !after.contains($0) }
        for name in added + removed {
            data.append(DataChange(name: name, kind: .constructors, isGlobal: false, size: 8))
        }
    }
}
