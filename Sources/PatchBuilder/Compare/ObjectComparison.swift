import ELF

// Comparing two objects of one translation unit, before and after the diff.
//
// Two entities are *same* if their bytes are equal outside of reference fields, and if each reference of
// one has a counterpart in the other: same place, same type, same addend, and a target that corresponds
// (the partner by `Correlation`, a literal of equal text, unnamed bytes that are same in turn).
//
// Not compared: `.eh_frame`, debug information, `.comment`, notes. They follow from the code or have no
// effect on it.
//
//       pre                       post
//   f: call g.part.0          f: call g.part.1          same, if g.part.0 ↔ g.part.1
//   g: lea "yes"              g: lea "no"               changed at the lea
//   g.cold                    g.cold                    changed with its parent: it jumps back into it
//
// A function that inlined something changed differs by itself, so inlining needs no rule of its own.

/// What became of one function.
package struct FunctionChange: Sendable, Equatable {
    /// The change.
    package enum Status: Sendable, Equatable {
        /// The code differs first at that offset into the function, in bytes.
        case changed(at: Int)
        /// Equal itself, but a part of a family (`f`, `f.cold`) that changed.
        case family(of: String)
        /// Equal itself, but it uses read-only data that changed.
        case usesData([String])
        /// Only after the diff.
        case new
        /// Only before the diff.
        case removed
    }

    /// The symbol, after the diff where there is one.
    package var name: String
    /// What became of it.
    package var status: Status
    /// Index in the pre object.
    package var pre: Int?
    /// Index in the post object.
    package var post: Int?
}

/// Everything that differs between two objects.
package struct ObjectComparison: Sendable {
    /// Before the diff.
    package var pre: ObjectModel
    /// After the diff.
    package var post: ObjectModel
    /// Which is which.
    package var correlation: Correlation
    /// Functions that aren't the same, in the order of the post object, removed ones last.
    package var functions: [FunctionChange] = []
    /// Data that isn't the same.
    package var data: [DataChange] = []
    /// How many functions are the same.
    package var sameFunctions = 0

    /// Compares; pure.
    package init(pre: ObjectModel, post: ObjectModel) {
        self.pre = pre
        self.post = post
        var correlator = Correlator(pre, post)
        correlation = correlator.run()
        compareFunctions()
        compareData()
        pullInUsers()
        pullInFamilies()
    }

    /// Whether nothing differs.
    package var isSame: Bool { functions.isEmpty && data.isEmpty }

    /// The entry for an entity of the post object, if it isn't the same as before.
    package func change(post: Int) -> FunctionChange? { functions.first { $0.post == post } }

    private mutating func compareFunctions() {
        var equality = EntityEquality(pre, post, correlation)
        for entity in post.entities where entity.kind == .function {
            guard let partner = correlation.preOf[entity.index] else {
                functions.append(FunctionChange(name: entity.name, status: .new, post: entity.index))
                continue
            }
            if let offset = equality.firstDifference(partner, entity.index) {
                functions.append(
                    FunctionChange(
                        name: entity.name, status: .changed(at: offset), pre: partner, post: entity.index))
            } else if !equality.hasSameHandlers(partner, entity.index) {
                // The code is equal; which handler runs where isn't.
                functions.append(
                    FunctionChange(
                        name: entity.name, status: .changed(at: entity.range.count), pre: partner,
                        post: entity.index))
            } else {
                sameFunctions += 1
            }
        }
        for entity in pre.entities where entity.kind == .function && correlation.postOf[entity.index] == nil {
            functions.append(FunctionChange(name: entity.name, status: .removed, pre: entity.index))
        }
    }

    private mutating func compareData() {
        var equality = EntityEquality(pre, post, correlation)
        for entity in post.entities where entity.kind == .data || entity.kind == .threadLocal {
            guard let partner = correlation.preOf[entity.index] else {
                data.append(
                    DataChange(newIn: post, entity, isAmbiguous: correlation.ambiguous.contains(entity.index)))
                continue
            }
            let kind = equality.classify(partner, entity.index)
            guard let kind else { continue }
            var change = DataChange(kind, pre, partner, post, entity.index)
            if kind == .changedReadOnly { change.runs = DataChange.runs(pre, partner, post, entity.index) }
            data.append(change)
        }
        for entity in pre.entities
        where (entity.kind == .data || entity.kind == .threadLocal) && correlation.postOf[entity.index] == nil {
            data.append(DataChange(removedFrom: pre, entity))
        }
        compareConstructors()
    }

    /// Functions that use changed read-only data of their own unit use the new copy, all of them.
    private mutating func pullInUsers() {
        for (position, change) in data.enumerated() where change.kind == .changedReadOnly {
            guard let index = change.post, !post.entities[index].isGlobal else { continue }
            let users = post.users(of: index)
            guard !users.isEmpty, users.allSatisfy({ post.entities[$0].kind == .function }) else { continue }
            let before = change.pre.map { pre.users(of: $0) } ?? []
            guard before.allSatisfy({ pre.entities[$0].kind == .function }) else { continue }
            data[position].isTakenAlong = true
            for user in users { mark(user, .usesData([change.name])) }
        }
    }

    /// A function and its cold part are one: each jumps into the other.
    private mutating func pullInFamilies() {
        let byName = Dictionary(
            post.entities.filter { $0.kind == .function }.map { ($0.name, $0.index) },
            uniquingKeysWith: { first, _ in first })
        for entity in post.entities where entity.kind == .function && entity.parsedName.isCold {
            guard let parent = post.parent(ofCold: entity, byName) else { continue }
            let (isCold, isParent) = (change(post: entity.index) != nil, change(post: parent) != nil)
            if isCold, !isParent { mark(parent, .family(of: entity.name)) }
            if isParent, !isCold { mark(entity.index, .family(of: post.entities[parent].name)) }
        }
    }

    private mutating func mark(_ index: Int, _ status: FunctionChange.Status) {
        if let known = functions.firstIndex(where: { $0.post == index }) {
            if case .usesData(let names) = functions[known].status, case .usesData(let more) = status {
                functions[known].status = .usesData(names + more.filter { !names.contains($0) })
            }
            return
        }
        guard let partner = correlation.preOf[index] else { return }
        sameFunctions -= 1
        let change = FunctionChange(name: post.entities[index].name, status: status, pre: partner, post: index)
        let place = functions.firstIndex { ($0.post ?? .max) > index } ?? functions.count
        functions.insert(change, at: place)
    }
}

extension ObjectModel {
    /// Named entities that refer to one, directly or through unnamed bytes.
    package func users(of index: Int) -> [Int] {
        var found: Set<Int> = []
        var open = [index]
        var seen: Set<Int> = [index]
        while let target = open.popLast() {
            for entity in entities where references(entity).contains(where: { $0.target == .entity(target) }) {
                if entity.kind != .anonymous {
                    found.insert(entity.index)
                } else if seen.insert(entity.index).inserted {
                    open.append(entity.index)
                }
            }
        }
        return found.sorted()
    }

    /// The function whose rarely executed part an entity is.
    ///
    /// Newer compilers name it `PARENT.cold`, older ones `PARENT.cold.NUMBER`.
    package func parent(ofCold cold: Entity, _ byName: [String: Int]) -> Int? {
        var name = Substring(cold.name)
        if let last = name.lastIndex(of: "."), Int(name[name.index(after: last)...]) != nil { name = name[..<last] }
        guard name.hasSuffix(".cold") else { return nil }
        return byName[String(name.dropLast(5))]
    }
}
