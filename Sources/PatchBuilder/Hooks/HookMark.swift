import LivePatch

/// How `tsugite-patch.h` marks what it declares: by symbol names.
struct HookMark: Equatable {
    /// Part of the name of the root of shadow variables.
    static let shadowRoot = "tsugite_shadow_root__"
    private static let prefix = "tsugite_hook__"

    /// When the hook runs.
    var kind: PatchHook.Kind
    /// The function's name.
    var function: String

    /// Reads `tsugite_hook__pre_apply__NAME`, which C++ compilers decorate; nil for all other names.
    init?(_ symbol: String) {
        guard let start = symbol.firstRange(of: Self.prefix)?.upperBound else { return nil }
        let rest = symbol[start...]
        for kind in PatchHook.Kind.allCases where kind != .shadow {
            let word = kind.name.replacing("-", with: "_") + "__"
            guard rest.hasPrefix(word), rest.count > word.count else { continue }
            self.kind = kind
            function = String(rest.dropFirst(word.count))
            return
        }
        return nil
    }

    /// Reads `tsugite_layout__struct__NAME`: a type, as ``LayoutChange/type`` has it, for whose old objects the fix's
    /// hooks answer; nil for all other names.
    static func acceptedType(_ symbol: String) -> String? {
        let prefix = "tsugite_layout__"
        guard let start = symbol.firstRange(of: prefix)?.upperBound,
            let end = symbol[start...].firstRange(of: "__")
        else { return nil }
        let (kind, name) = (symbol[start..<end.lowerBound], symbol[end.upperBound...])
        return kind == "typedef" ? String(name) : "\(kind) \(name)"
    }
}
