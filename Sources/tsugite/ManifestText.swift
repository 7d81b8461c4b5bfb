import LivePatch

/// The manifest in words.
enum ManifestText {
    /// One target with its functions and data.
    static func target(_ target: Manifest.Target) -> String {
        var lines = ["\(target.name)  build-id \(target.buildID)"]
        lines.append("  proof: \(proof(target.proof))")
        let width = target.functions.map(\.name.count).max() ?? 0
        for function in target.functions {
            let name = function.name + String(repeating: " ", count: max(width - function.name.count, 0))
            lines.append(
                "  \(function.isReplacement ? "replaces" : "adds    ") \(name)  \(why(function.why))  (\(function.unit))"
            )
            if let difference = function.difference {
                lines.append("      +0x\(String(difference.offset, radix: 16)): \(difference.before)")
                lines.append(
                    "      \(String(repeating: " ", count: String(difference.offset, radix: 16).count))   → \(difference.after)"
                )
            }
        }
        if !target.removed.isEmpty {
            lines.append("  unused from now on: \(target.removed.joined(separator: ", "))")
        }
        for hook in target.hooks ?? [] { lines.append("  hook \(hook.kind): \(hook.function)") }
        for data in target.data { lines.append("  \(self.data(data))") }
        return lines.joined(separator: "\n")
    }

    /// What becomes of a variable or constant.
    static func data(_ data: Manifest.Data) -> String {
        "\(data.change) \(data.name): \(data.effect)  (\(data.unit))"
    }

    private static func proof(_ proof: Manifest.Proof) -> String {
        switch proof.tier {
        case "same-build-id": "rebuilt to the same build-id, \(proof.functions) functions"
        case "same-image": "rebuilt to the same loaded bytes, \(proof.functions) functions"
        default: "function by function: \(proof.identical) of \(proof.functions) equal"
        }
    }

    /// A reason in words.
    static func why(_ why: Manifest.Why) -> String {
        let names = why.names.joined(separator: ", ")
        return switch why.reason {
        case "edited": "edited"
        case "inlined": "inlined from \(names)"
        case "declaration": "uses what changed at \(names)"
        case "split": "split from \(names)"
        case "constant-propagated": "copy of \(names)"
        case "part": "goes with \(names)"
        case "data": "uses changed \(names)"
        case "new": "new"
        case "needed": "needed, not in the target by itself"
        default: "the compiler decided otherwise"
        }
    }
}
