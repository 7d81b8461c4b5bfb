package import ELF
import Findings

/// A type whose layout differs between the two sides of a unit: what was made before the patch has the old one.
package struct LayoutChange: Sendable, Equatable {
    /// `struct ngx_event_s`.
    package var type: String
    /// What moved, came, went or changed, in words: `field data: moved from byte 8 to 16`.
    package var details: [String]
    /// Functions and variables that use the type, in the unit.
    package var users: [String]
    /// Why objects of the type can't be older than the patch; nil if they can.
    package var harmless: Bool

    /// Makes a change.
    package init(type: String, details: [String], users: [String], harmless: Bool) {
        self.type = type
        self.details = details
        self.users = users
        self.harmless = harmless
    }
}

/// What the debug information of both sides of a unit says.
package enum LayoutVerdict: Sendable, Equatable {
    /// All types that both sides have; the changed ones.
    case compared([LayoutChange])
    /// It can't be said: no debug information, or none that can be read.
    case unknown(String)

    /// Compares the two sides of a unit.
    ///
    /// - Parameter replaced: names of the functions that come with the patch.
    package init(pre: ELFFile, post: ELFFile, replaced: Set<String>) {
        do throws(ELFError) {
            let (before, after) = (try TypeTable(pre), try TypeTable(post))
            guard !before.isEmpty, !after.isEmpty else {
                self = .unknown("the compiler wrote no debug information")
                return
            }
            self = .compared(LayoutComparison(before, after, replaced).changes())
        } catch {
            self = .unknown(error.finding.message)
        }
    }
}

// Which differences matter. Old data is data of the old layout; code that isn't replaced is the same on both
// sides, so it agrees with both. Therefore:
//
// * a type that only one side has is of no interest: nothing old has it, or nothing new reads it;
// * another size, a field elsewhere, of another shape or newly there: new code would misread old objects;
// * a field that is gone from the end or the middle while all else stays: harmless, nobody reads it;
// * a new enumerator: harmless, no old data holds it; another value of an old one: old data would change meaning;
// * a variable of another shape: new code would read `int` as `float`, or step through old memory by another width.

/// Compares two tables; pure.
struct LayoutComparison {
    private let before: TypeTable
    private let after: TypeTable
    private let replaced: Set<String>

    init(_ before: TypeTable, _ after: TypeTable, _ replaced: Set<String>) {
        self.before = before
        self.after = after
        self.replaced = replaced
    }

    func changes() -> [LayoutChange] {
        var found: [LayoutChange] = []
        for (key, old) in before.layouts.sorted(by: { $0.key < $1.key }) {
            guard let new = after.layouts[key], old.size != new.size || old.fields != new.fields else { continue }
            let details = Self.details(old, new)
            guard !details.isEmpty else { continue }
            let uses = TypeUses(before, of: old.entry)
            found.append(
                LayoutChange(
                    type: key, details: details, users: uses.names,
                    harmless: uses.areShortLived(replaced)
                        && TypeUses(after, of: new.entry).areShortLived(replaced)))
        }
        return found + variables()
    }

    /// Variables whose old value new code would read as something else, though it has the same size.
    ///
    /// One of another size is refused where data is compared; one that can't be written comes with the patch.
    private func variables() -> [LayoutChange] {
        let (old, new) = (before.staticVariables(), after.staticVariables())
        return old.sorted { $0.key < $1.key }.compactMap { name, was in
            guard let now = new[name], was.size == now.size, was.shape != now.shape, !was.isBuiltLike(now) else {
                return nil
            }
            return LayoutChange(
                type: "variable \(name)", details: ["\(was.shape) before, \(now.shape) after"], users: [name],
                harmless: false)
        }
    }

    /// The differences that matter, in words.
    static func details(_ old: TypeLayout, _ new: TypeLayout) -> [String] {
        if old.kind == "enum" { return enumerators(old, new) }
        var details: [String] = []
        if old.size != new.size { details.append("size: \(old.size) bytes before, \(new.size) after") }
        var fields: [String: [TypeLayout.Field]] = [:]
        for field in old.fields { fields[field.name, default: []].append(field) }
        for field in new.fields {
            guard let known = fields[field.name]?.first else {
                details.append("\(field.name): new, \(place(field)), \(field.shape)")
                continue
            }
            fields[field.name]?.removeFirst()
            if known.offset != field.offset {
                details.append("\(field.name): moved, \(place(known)) before, \(place(field)) after")
            } else if known.shape != field.shape {
                details.append("\(field.name): \(known.shape) before, \(field.shape) after")
            }
        }
        return details
    }

    private static func enumerators(_ old: TypeLayout, _ new: TypeLayout) -> [String] {
        let values = Dictionary(old.fields.map { ($0.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
        var details = old.size == new.size ? [] : ["size: \(old.size) bytes before, \(new.size) after"]
        for field in new.fields {
            guard let known = values[field.name], known != field.offset else { continue }
            details.append("\(field.name): \(known) before, \(field.offset) after")
        }
        return details
    }

    private static func place(_ field: TypeLayout.Field) -> String {
        if field.shape == "slot" { return "slot \(field.offset)" }
        return field.offset % 8 == 0 ? "at byte \(field.offset / 8)" : "at bit \(field.offset)"
    }
}
