// Which entity of the post object is the same thing as one of the pre object.
//
// Names that the author wrote decide by themselves. The compiler's own names don't: `counter.3` may be
// `counter.4` after the diff, `parse.part.0` may have become `parse.part.1`. For those, in this order:
//
//   1. proof by use: two functions that are equal but for numbers refer to things at equal places, so the
//      things correspond;
//   2. the only one of its key on both sides;
//   3. equal digest, if no other has it;
//   4. the same set of users, if no other has it;
//   5. position, only where both sides have equally many of equal size; reported, because a person
//      should look.
//
// After each step the first is tried again, because a new pair of functions may prove more.
//
// A wrong pair of *functions* does no harm: each caller is compared with its callee's partner, so a caller
// that now calls something else counts as changed. A wrong pair of *variables* would swap their values,
// therefore variables that remain are not guessed; they are listed as ambiguous, and whoever uses them in
// the patch is refused.

/// The result: partners in both directions, by index of entity.
package struct Correlation: Sendable {
    /// Partner in the post object of each entity of the pre object.
    package internal(set) var postOf: [Int?]
    /// Partner in the pre object of each entity of the post object.
    package internal(set) var preOf: [Int?]
    /// Entities of the post object whose partner follows from position alone.
    package internal(set) var byPosition: [Int] = []
    /// Variables of the post object that may or may not be ones of the pre object.
    package internal(set) var ambiguous: Set<Int> = []

    mutating func pair(_ pre: Int, _ post: Int) {
        postOf[pre] = post
        preOf[post] = pre
    }
}

/// Finds the partners.
struct Correlator {
    let pre: ObjectModel
    let post: ObjectModel
    let preDigests: EntityDigests
    let postDigests: EntityDigests
    /// For each entity the hashes of its users' names.
    let preUsers: [Set<UInt64>]
    let postUsers: [Set<UInt64>]
    var result: Correlation

    init(_ pre: ObjectModel, _ post: ObjectModel) {
        self.pre = pre
        self.post = post
        preDigests = EntityDigests(pre)
        postDigests = EntityDigests(post)
        preUsers = Self.users(pre, preDigests)
        postUsers = Self.users(post, postDigests)
        result = Correlation(
            postOf: Array(repeating: nil, count: pre.entities.count),
            preOf: Array(repeating: nil, count: post.entities.count))
    }

    /// Entities of one key on both sides that have no partner yet.
    private struct Group {
        var pre: [Int] = []
        var post: [Int] = []
    }

    mutating func run() -> Correlation {
        let groups = makeGroups()
        let derived = groups.filter { isDerived($0) }
        for group in groups where !isDerived(group) {
            for (first, second) in zip(group.pre, group.post) { result.pair(first, second) }
        }
        proveByUse()
        step(derived) { $0.pairOnly($1) }
        step(derived) { $0.pairEqualCode($1) }
        let (before, after) = (preUsers.map(Self.hash), postUsers.map(Self.hash))
        step(derived) { $0.pairUnique($1, before, after) }
        step(derived) { $0.pairByPosition($1) }
        return result
    }

    private mutating func step(_ groups: [Group], _ body: (inout Correlator, Group) -> Void) {
        for group in groups {
            let open = remaining(group)
            if !open.pre.isEmpty, !open.post.isEmpty { body(&self, open) }
        }
        proveByUse()
    }

    private func remaining(_ group: Group) -> Group {
        Group(
            pre: group.pre.filter { result.postOf[$0] == nil }, post: group.post.filter { result.preOf[$0] == nil })
    }

    private func isDerived(_ group: Group) -> Bool {
        (group.pre.first.map { pre.entities[$0] } ?? group.post.first.map { post.entities[$0] })?
            .parsedName.isDerived ?? false
    }

    /// Groups in the order of the pre object, then of the post object; numbers decide inside a group.
    private func makeGroups() -> [Group] {
        var order: [String: Int] = [:]
        var groups: [Group] = []
        func slot(_ entity: Entity) -> Int {
            let key = entity.kind.rawValue + " " + entity.parsedName.key
            if let known = order[key] { return known }
            order[key] = groups.count
            groups.append(Group())
            return groups.count - 1
        }
        for entity in pre.entities where !entity.name.isEmpty { groups[slot(entity)].pre.append(entity.index) }
        for entity in post.entities where !entity.name.isEmpty { groups[slot(entity)].post.append(entity.index) }
        return groups.map { group in
            guard group.pre.count > 1 || group.post.count > 1 else { return group }
            return Group(pre: inOrder(group.pre, pre), post: inOrder(group.post, post))
        }
    }

    private func inOrder(_ indices: [Int], _ model: ObjectModel) -> [Int] {
        indices.map { ($0, model.entities[$0].parsedName.numbers) }
            .sorted { $0.1 == $1.1 ? $0.0 < $1.0 : $0.1.lexicographicallyPrecedes($1.1) }.map(\.0)
    }

    /// Pairs what equal functions refer to at equal places, until nothing new follows.
    private mutating func proveByUse() {
        var isChanged = true
        while isChanged {
            isChanged = false
            for (first, second) in result.postOf.enumerated() {
                guard let second, pre.entities[first].kind == .function,
                    preDigests.values[first] == postDigests.values[second]
                else { continue }
                let (left, right) = (pre.references(pre.entities[first]), post.references(post.entities[second]))
                for (one, other) in zip(left, right) where pairTargets(one.target, other.target) {
                    isChanged = true
                }
            }
        }
    }

    private mutating func pairTargets(_ one: Reference.Target, _ other: Reference.Target) -> Bool {
        guard case .entity(let first) = one, case .entity(let second) = other, preDigests.keys[first] != 0,
            preDigests.keys[first] == postDigests.keys[second], result.postOf[first] == nil,
            result.preOf[second] == nil, pre.entities[first].kind == post.entities[second].kind
        else { return false }
        result.pair(first, second)
        return true
    }

    private mutating func pairOnly(_ group: Group) {
        guard group.pre.count == 1, group.post.count == 1 else { return }
        if mayCorrespond(group.pre[0], group.post[0]) {
            result.pair(group.pre[0], group.post[0])
        } else {
            result.ambiguous.insert(group.post[0])
        }
    }

    /// Whether two variables can be one: they share a user, or a user came or went, as when a function is no
    /// longer inlined.
    ///
    /// Otherwise one function lost its variable and another one got its own.
    private func mayCorrespond(_ first: Int, _ second: Int) -> Bool {
        if pre.entities[first].kind == .function { return true }
        let (before, after) = (preUsers[first], postUsers[second])
        if !before.isDisjoint(with: after) { return true }
        return before.contains { !postDigests.keySet.contains($0) }
            || after.contains { !preDigests.keySet.contains($0) }
    }

    /// Zero-filled variables all look alike, so digests tell something only of functions.
    private mutating func pairEqualCode(_ group: Group) {
        guard group.pre.allSatisfy({ pre.entities[$0].kind == .function }) else { return }
        pairUnique(group, preDigests.values, postDigests.values)
    }

    private mutating func pairUnique(_ group: Group, _ preValues: [UInt64], _ postValues: [UInt64]) {
        for first in group.pre {
            let value = preValues[first]
            let partners = group.post.filter { postValues[$0] == value }
            guard value != 0, partners.count == 1, group.pre.filter({ preValues[$0] == value }).count == 1 else {
                continue
            }
            result.pair(first, partners[0])
        }
    }

    private mutating func pairByPosition(_ group: Group) {
        let isCode = group.pre.allSatisfy { pre.entities[$0].kind == .function }
        let sizes = (
            group.pre.map { pre.entities[$0].range.count }, group.post.map { post.entities[$0].range.count }
        )
        let isLikely = zip(group.pre, group.post).allSatisfy { mayCorrespond($0, $1) }
        if isCode || sizes.0 == sizes.1 && isLikely {
            for (first, second) in zip(group.pre, group.post) {
                result.pair(first, second)
                if !isCode { result.byPosition.append(second) }
            }
        } else {
            result.ambiguous.formUnion(group.post)
        }
    }

    private static func users(_ model: ObjectModel, _ digests: EntityDigests) -> [Set<UInt64>] {
        var users: [Set<UInt64>] = Array(repeating: [], count: model.entities.count)
        for entity in model.entities where digests.keys[entity.index] != 0 {
            for case .entity(let target) in model.references(entity).lazy.map(\.target)
            where digests.keys[target] != 0 && digests.isDerived[target] {
                users[target].insert(digests.keys[entity.index])
            }
        }
        return users
    }

    /// One number for a set of users; 0 for none.
    private static func hash(_ users: Set<UInt64>) -> UInt64 {
        guard !users.isEmpty else { return 0 }
        var mix = Mix()
        for key in users.sorted() { mix.add(key) }
        return mix.value
    }
}
