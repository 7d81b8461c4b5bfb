/// A symbol's name taken apart: what the author wrote, and what the compiler put behind it.
///
///     ngx_parse.part.0.cold   base ngx_parse, marks part, cold
///     counter.4               base counter, numbered
///     memcpy                  base memcpy
///
/// Numbers are the compiler's own count and shift when anything before them appears or goes away, so the
/// ``key`` leaves them out.
package struct EntityName: Sendable, Hashable {
    /// A copy or a part of a function that the compiler made by itself.
    package enum Mark: String, Sendable, Codable, CaseIterable {
        /// Rarely executed part, jumped to from the function.
        case cold
        /// Split off the function's body, called from its inlined head.
        case part
        /// Copy for constant arguments.
        case constprop
        /// Copy with other parameters.
        case isra
        /// Renamed by link-time optimisation.
        case ltoPrivate = "lto_priv"
    }

    /// The name in the source.
    package var base: String
    /// What the compiler made of it, in order.
    package var marks: [Mark]
    /// Whether a bare number follows, as for static variables of functions.
    package var isNumbered: Bool
    /// The numbers, in order; only for stable sorting.
    package var numbers: [Int]

    /// Takes a symbol's name apart.
    package init(_ name: String) {
        var pieces = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        var marks: [Mark] = []
        var numbers: [Int] = []
        var isNumbered = false
        // A leading dot belongs to the name.
        while pieces.count > 1, pieces[0] != "" || pieces.count > 2, let last = pieces.last {
            if let mark = Mark(rawValue: last) {
                marks.insert(mark, at: 0)
            } else if let number = Int(last), last.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
                numbers.insert(number, at: 0)
                let before = pieces.count > 2 ? Mark(rawValue: pieces[pieces.count - 2]) : nil
                if before == nil { isNumbered = true }
            } else {
                break
            }
            pieces.removeLast()
        }
        base = pieces.joined(separator: ".")
        self.marks = marks
        self.numbers = numbers
        self.isNumbered = isNumbered
    }

    /// The name without the compiler's numbers: equal for what may be the same thing in two builds.
    package var key: String {
        base + marks.map { "." + $0.rawValue }.joined() + (isNumbered ? ".#" : "")
    }

    /// Whether the compiler chose any of the name.
    package var isDerived: Bool { !marks.isEmpty || isNumbered }

    /// Whether it is the rarely executed part of ``parent``.
    package var isCold: Bool { marks.last == .cold }
}

extension Entity {
    /// The name taken apart.
    package var parsedName: EntityName { EntityName(name) }
}
