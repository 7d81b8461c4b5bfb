import ELF

/// Whether two entities, one of each object, are the same but for positions.
struct EntityEquality {
    private let pre: ObjectModel
    private let post: ObjectModel
    private let correlation: Correlation
    /// Pairs of unnamed entities already found equal, or assumed so while they are compared.
    private var equal: Set<[Int]> = []

    init(_ pre: ObjectModel, _ post: ObjectModel, _ correlation: Correlation) {
        self.pre = pre
        self.post = post
        self.correlation = correlation
    }

    /// Offset of the first difference in bytes; nil if the two are the same.
    mutating func firstDifference(_ first: Int, _ second: Int) -> Int? {
        let (one, other) = (pre.entities[first], post.entities[second])
        let bytes = Self.firstDifference(pre.bytes(one), post.bytes(other))
        let sizes = one.range.count == other.range.count ? nil : min(one.range.count, other.range.count)
        let references = firstReferenceDifference(one, other)
        return [bytes, sizes, references].compactMap { $0 }.min()
    }

    private static func firstDifference(_ one: ArraySlice<UInt8>, _ other: ArraySlice<UInt8>) -> Int? {
        if one == other { return nil }
        for (offset, (left, right)) in zip(one, other).enumerated() where left != right { return offset }
        return min(one.count, other.count)
    }

    private mutating func firstReferenceDifference(_ one: Entity, _ other: Entity) -> Int? {
        let (left, right) = (pre.references(one), post.references(other))
        for (first, second) in zip(left, right) {
            let offsets = (first.offset - one.range.lowerBound, second.offset - other.range.lowerBound)
            guard offsets.0 == offsets.1 else { return min(offsets.0, offsets.1) }
            guard first.type == second.type, first.addend == second.addend, isSame(first.target, second.target)
            else { return offsets.0 }
        }
        if left.count == right.count { return nil }
        if left.count > right.count {
            return left[left.startIndex + right.count].offset - one.range.lowerBound
        }
        return right[right.startIndex + left.count].offset - other.range.lowerBound
    }

    private mutating func isSame(_ one: Reference.Target, _ other: Reference.Target) -> Bool {
        switch (one, other) {
        case (.entity(let first), .entity(let second)): return isSame(first, second)
        case (.external(let first), .external(let second)):
            return pre.symbols[first].name == post.symbols[second].name
        case (.entity(let first), .external(let second)):
            return pre.entities[first].isGlobal && pre.entities[first].name == post.symbols[second].name
        case (.external(let first), .entity(let second)):
            return post.entities[second].isGlobal && pre.symbols[first].name == post.entities[second].name
        case (.absolute(let first), .absolute(let second)): return first == second
        case (.unmodelled, .unmodelled): return true
        default: return false
        }
    }

    private mutating func isSame(_ first: Int, _ second: Int) -> Bool {
        let (one, other) = (pre.entities[first], post.entities[second])
        guard one.kind == other.kind else { return false }
        switch one.kind {
        case .literal: return pre.bytes(one) == post.bytes(other)
        case .anonymous: return isSameUnnamed(one, other)
        default: return correlation.postOf[first] == second
        }
    }

    /// Whether two functions have the same table of exception handlers, or none.
    ///
    /// Compilers put it into a section of its own that has the function's name.
    mutating func hasSameHandlers(_ first: Int, _ second: Int) -> Bool {
        let (one, other) = (
            pre.exceptionTable(of: pre.entities[first]), post.exceptionTable(of: post.entities[second])
        )
        guard let one, let other else { return one == nil && other == nil }
        return isSameUnnamed(pre.entities[one], post.entities[other])
    }

    /// Unnamed bytes: what follows the last meaningful byte may be filler, up to an alignment of 32.
    private mutating func isSameUnnamed(_ one: Entity, _ other: Entity) -> Bool {
        guard equal.insert([one.index, other.index]).inserted else { return true }
        let isEqual =
            pre.bytes(one).trimmed == post.bytes(other).trimmed && abs(one.range.count - other.range.count) < 32
            && firstReferenceDifference(one, other) == nil
        if !isEqual { equal.remove([one.index, other.index]) }
        return isEqual
    }
}

extension EntityEquality {
    /// How a variable changed; nil if it didn't.
    mutating func classify(_ first: Int, _ second: Int) -> DataChange.Kind? {
        let (one, other) = (pre.entities[first], post.entities[second])
        let (from, to) = (pre.sections[one.section].isWritable, post.sections[other.section].isWritable)
        if from != to { return .moved(writableNow: to) }
        if !to {
            return firstDifference(first, second) == nil ? nil : .changedReadOnly
        }
        guard one.range.count == other.range.count else {
            return .resized(from: one.range.count, to: other.range.count)
        }
        let isSame = firstReferenceDifference(one, other) == nil && initial(pre, one) == initial(post, other)
        return isSame ? nil : .changedInitialValue
    }

    /// The initial value, zeros written out.
    private func initial(_ model: ObjectModel, _ entity: Entity) -> ArraySlice<UInt8> {
        model.bytes(entity).trimmed
    }
}

extension ObjectModel {
    /// The table of exception handlers of a function.
    fileprivate func exceptionTable(of function: Entity) -> Int? {
        guard hasExceptionTables else { return nil }
        let name = ".gcc_except_table." + function.name
        return sections.first { $0.name == name }?.entities.first
    }
}
