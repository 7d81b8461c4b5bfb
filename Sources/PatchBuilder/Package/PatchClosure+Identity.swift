import ELF
import Findings

// Where a name doesn't mean the same thing before and after the diff. What runs is reached by address, so old callers
// and objects that exist already would keep the old thing, or get another one, without a word. Each of these is
// refused:
//
// * a function or variable that moved to another file, where it looks new, while the old one looks removed;
// * two names of one function that are parted, or two functions that become one: a jump moves both names or one;
// * lambdas, which the compiler counts: one that is added before another takes its name, and objects that hold the
//   other would run it;
// * labels whose addresses (`&&label`) a function keeps beyond its own run.

extension PatchClosure {
    /// What stands in the way in the units of the closure.
    func identityRefusals() -> [BuildError] {
        movedRefusals() + units.flatMap { Self.aliasRefusals($0) + Self.lambdaRefusals($0) } + labelRefusals()
    }

    // MARK: Moved

    private func movedRefusals() -> [BuildError] {
        var gone: [String: String] = [:]
        for unit in units {
            for entity in unit.pre.entities
            where Self.isOwn(entity) && unit.comparison.correlation.postOf[entity.index] == nil
                && unit.placement.addresses[entity.index] != nil
            {
                gone[entity.name] = unit.name
            }
        }
        guard !gone.isEmpty else { return [] }
        return units.flatMap { unit in
            unit.post.entities.compactMap { entity -> BuildError? in
                guard Self.isOwn(entity), unit.comparison.correlation.preOf[entity.index] == nil,
                    let before = gone[entity.name], before != unit.name
                else { return nil }
                return BuildError(
                    .identityChanged, "\(entity.name) moved from \(before) to \(unit.name)",
                    evidence: ["symbol": entity.name, "before": before, "after": unit.name])
            }
        }
    }

    /// Code, or data that can be written, which one unit alone defines for all.
    private static func isOwn(_ entity: Entity) -> Bool {
        entity.binding == .global && [.function, .data, .threadLocal].contains(entity.kind)
    }

    // MARK: Labels

    /// Functions that keep addresses of their own labels: before the diff, they lead into the old code; after it, undo
    /// would leave them.
    private func labelRefusals() -> [BuildError] {
        replaced.compactMap { function in
            let unit = units[function.unit]
            let before = X86_64LabelFlow(unit.pre, unit.pre.entities[function.pre])
            let after = X86_64LabelFlow(unit.post, unit.post.entities[function.post])
            guard let place = before.escape() ?? after.escape() else { return nil }
            let name = unit.post.entities[function.post].name
            return BuildError(
                .labelKept, "\(name) keeps addresses of its own labels",
                evidence: ["function": name, "unit": unit.name, "kept in": place])
        }
    }

    // MARK: Aliases

    private static func aliasRefusals(_ unit: PatchUnit) -> [BuildError] {
        let after = names(unit.post)
        return names(unit.pre).sorted { $0.key < $1.key }.compactMap { name, old in
            guard let new = after[name], unit.comparison.correlation.preOf[new] != old,
                unit.placement.addresses[old] != nil
            else { return nil }
            let (was, isNow) = (unit.pre.entities[old], unit.post.entities[new])
            // Without other names on either side it is a matter of pairing, not of aliases.
            guard !was.aliases.isEmpty || !isNow.aliases.isEmpty else { return nil }
            return BuildError(
                .identityChanged, "\(name) names another function after the diff",
                evidence: [
                    "symbol": name, "unit": unit.name,
                    "names before": ([was.name] + was.aliases).joined(separator: ", "),
                    "names after": ([isNow.name] + isNow.aliases).joined(separator: ", "),
                ])
        }
    }

    /// Functions by each of their names that the author wrote.
    private static func names(_ model: ObjectModel) -> [String: Int] {
        var found: [String: Int] = [:]
        for entity in model.entities where entity.kind == .function && !entity.name.isEmpty {
            for name in [entity.name] + entity.aliases where !EntityName(name).isDerived {
                found[name] = entity.index
            }
        }
        return found
    }

    // MARK: Lambdas

    private static func lambdaRefusals(_ unit: PatchUnit) -> [BuildError] {
        let (before, after) = (lambdas(unit.pre), lambdas(unit.post))
        return before.sorted { $0.key < $1.key }.compactMap { key, old in
            let new = after[key] ?? []
            let changed = unit.comparison.functions.filter { change in
                change.pre.map(old.contains) == true && change.post.map(new.contains) == true
            }
            guard let first = changed.compactMap(\.pre).first, old.contains(where: { unit.pre.isAddressTaken($0) }),
                old.count != new.count || isShuffled(unit, old, new)
            else { return nil }
            return BuildError(
                .identityChanged, "the diff changes which lambda is which",
                evidence: [
                    "symbol": unit.pre.entities[first].name, "unit": unit.name, "before": "\(old.count)",
                    "after": "\(new.count)",
                ])
        }
    }

    /// Functions of nameless types, by name without the compiler's count.
    private static func lambdas(_ model: ObjectModel) -> [String: [Int]] {
        var groups: [String: [Int]] = [:]
        for entity in model.entities where entity.kind == .function {
            // `Ul` … `E3_` is the fifth lambda of a function, `Ut1_` its third nameless struct (Itanium C++ ABI).
            guard entity.name.hasPrefix("_Z"), entity.name.contains("Ul") || entity.name.contains("Ut") else {
                continue
            }
            groups[withoutCounts(entity.name), default: []].append(entity.index)
        }
        return groups
    }

    static func withoutCounts(_ name: String) -> String {
        var text = ""
        var digits = ""
        for character in name {
            if character.isASCII, character.isNumber, text.last == "E" || text.last == "t" {
                digits.append(character)
                continue
            }
            if character != "_" { text += digits }
            digits = ""
            text.append(character)
        }
        return text + digits
    }

    /// Whether the code of one is that of another one after the diff.
    private static func isShuffled(_ unit: PatchUnit, _ old: [Int], _ new: [Int]) -> Bool {
        let (before, after) = (EntityDigests(unit.pre).values, EntityDigests(unit.post).values)
        return old.contains { first in
            guard let own = unit.comparison.correlation.postOf[first], before[first] != after[own] else {
                return false
            }
            return new.contains { $0 != own && after[$0] == before[first] }
        }
    }
}

extension ObjectModel {
    /// Whether something else than a call or jump refers to a function, so that its address may live in objects.
    func isAddressTaken(_ index: Int) -> Bool {
        sections.contains { section in
            section.references.contains { reference in
                reference.target == .entity(index)
                    && (!section.isCode || SymbolUse(reference, in: section) != .call)
            }
        }
    }
}
