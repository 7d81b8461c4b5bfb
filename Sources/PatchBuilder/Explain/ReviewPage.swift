import ELF
package import LivePatch

// A page for whoever has to say yes: every changed function side by side, before and after, the diff, the proofs, the
// data, the provenance. One file without scripts and without anything from elsewhere, so that it can be kept with the
// patch. Everything that comes from outside (names, diffs, disassembly) is escaped.

/// The reviewer's page of one build.
package struct ReviewPage: Sendable {
    /// One function's instructions, aligned with those of the other side.
    struct Row: Equatable {
        var before: String?
        var after: String?
        var isSame: Bool { before == after }
    }

    private var body: [String] = []

    /// A page with the facts of the whole patch.
    package init(_ title: String, notes: [String]) {
        body.append("<h1>\(Self.escaped(title))</h1>")
        if !notes.isEmpty { body.append(Self.list(notes)) }
    }

    /// Adds one patch: its targets, proofs, data and provenance.
    package mutating func add(_ patch: LivePatch, _ manifest: Manifest, file: String) {
        body.append("<h2>\(Self.escaped(file))</h2><p>id \(Self.escaped(Self.identity(patch)))</p>")
        for target in manifest.targets {
            let proof = target.proof
            body.append(
                "<h3>\(Self.escaped(target.name))</h3><p>build-id <code>\(Self.escaped(target.buildID))</code>, proof: "
                    + "\(Self.escaped(proof.tier)), \(proof.identical) of \(proof.functions) functions equal</p>")
            let rows = target.functions.map { function in
                [
                    function.isReplacement ? "replaces" : "adds", function.name, function.unit,
                    function.why.reason
                        + (function.why.names.isEmpty ? "" : ": " + function.why.names.joined(separator: ", ")),
                ]
            }
            body.append(Self.table(["", "function", "unit", "why"], rows))
            if !target.data.isEmpty {
                body.append(
                    Self.table(
                        ["data", "unit", "change", "effect"],
                        target.data.map { [$0.name, $0.unit, $0.change, $0.effect] }))
            }
        }
        if !manifest.notes.isEmpty { body.append(Self.list(manifest.notes)) }
        body.append(
            Self.table(
                ["tool", "version", "SHA-256"],
                manifest.toolchain.map { [$0.name, $0.version, String($0.digest.prefix(16))] }))
        body.append("<details><summary>diff</summary>\(Self.diff(patch.diff))</details>")
        let statement = String(decoding: patch.provenance, as: UTF8.self)
        body.append("<details><summary>provenance</summary><pre>\(Self.escaped(statement))</pre></details>")
    }

    private static func identity(_ patch: LivePatch) -> String {
        ((try? patch.encoded()).map { Digest(of: $0).description }) ?? ""
    }

    /// Adds the changed functions of a unit, before and after.
    package mutating func add(_ unit: PatchUnit, prePath: String, postPath: String) {
        for change in unit.comparison.functions {
            let old = change.pre.map { unit.pre.entities[$0] }
            let new = change.post.map { unit.post.entities[$0] }
            let before = old.map { Disassembly.lines(prePath, unit.pre, $0) } ?? []
            let after = new.map { Disassembly.lines(postPath, unit.post, $0) } ?? []
            body.append(
                "<h3><code>\(Self.escaped(change.name))</code> <small>\(Self.escaped(unit.name))</small></h3>")
            var cells = "<table class=code>"
            for row in Self.aligned(before, after) {
                let mark = row.isSame ? "" : row.before == nil ? " class=new" : " class=old"
                cells += "<tr\(mark)><td>\(Self.escaped(row.before ?? ""))<td>\(Self.escaped(row.after ?? ""))"
            }
            body.append(cells + "</table>")
        }
    }

    /// The page's text.
    package var text: String {
        """
        <!doctype html><html lang=en><meta charset=utf-8><title>tsugite review</title>
        <style>
        body{font:15px/1.45 system-ui,sans-serif;max-width:75em;margin:2em auto;padding:0 1em}
        table{border-collapse:collapse;margin:.5em 0;width:100%}td,th{text-align:left;padding:.1em .6em;vertical-align:top}
        th{border-bottom:1px solid #999}table.code td{font:12px/1.4 ui-monospace,monospace;width:50%;white-space:pre-wrap}
        .new td{background:#e6f4ea}.old td{background:#fce8e6}pre{overflow:auto;font-size:12px}
        .add{color:#137333}.del{color:#a50e0e}small{color:#666;font-weight:normal}
        </style>
        \(body.joined(separator: "\n"))
        </html>

        """
    }
}

// MARK: - pieces

extension ReviewPage {
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    private static func list(_ items: [String]) -> String {
        "<ul>" + items.map { "<li>\(escaped($0))" }.joined() + "</ul>"
    }

    private static func table(_ head: [String], _ rows: [[String]]) -> String {
        "<table><tr>" + head.map { "<th>\(escaped($0))" }.joined()
            + rows.map { "<tr>" + $0.map { "<td>\(escaped($0))" }.joined() }.joined() + "</table>"
    }

    private static func diff(_ bytes: [UInt8]) -> String {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        return "<pre>"
            + lines.map { line in
                let kind = line.hasPrefix("+") ? "add" : line.hasPrefix("-") ? "del" : ""
                let text = escaped(String(line))
                return kind.isEmpty ? text : "<span class=\(kind)>\(text)</span>"
            }.joined(separator: "\n") + "</pre>"
    }

    /// Two lists of lines side by side: equal beginnings and ends, and in between the longest common subsequence, as
    /// long as the parts are small enough to look for it (a million pairs).
    static func aligned(_ before: [String], _ after: [String]) -> [Row] {
        var start = 0
        while start < min(before.count, after.count), before[start] == after[start] { start += 1 }
        var end = 0
        while end < min(before.count, after.count) - start,
            before[before.count - 1 - end] == after[after.count - 1 - end]
        {
            end += 1
        }
        let (old, new) = (Array(before[start..<before.count - end]), Array(after[start..<after.count - end]))
        var rows = before[..<start].map { Row(before: $0, after: $0) }
        rows += middle(old, new)
        rows += before[(before.count - end)...].map { Row(before: $0, after: $0) }
        return rows
    }

    private static func middle(_ old: [String], _ new: [String]) -> [Row] {
        guard old.count * new.count <= 1_000_000 else {
            return (0..<max(old.count, new.count)).map {
                Row(before: $0 < old.count ? old[$0] : nil, after: $0 < new.count ? new[$0] : nil)
            }
        }
        // lengths[i][j]: longest common subsequence of old[i...] and new[j...].
        var lengths = Array(repeating: Array(repeating: 0, count: new.count + 1), count: old.count + 1)
        for i in old.indices.reversed() {
            for j in new.indices.reversed() {
                lengths[i][j] =
                    old[i] == new[j] ? lengths[i + 1][j + 1] + 1 : max(lengths[i + 1][j], lengths[i][j + 1])
            }
        }
        var rows: [Row] = []
        var (i, j) = (0, 0)
        while i < old.count || j < new.count {
            if i < old.count, j < new.count, old[i] == new[j] {
                rows.append(Row(before: old[i], after: new[j]))
                (i, j) = (i + 1, j + 1)
            } else if j == new.count || (i < old.count && lengths[i + 1][j] >= lengths[i][j + 1]) {
                rows.append(Row(before: old[i], after: nil))
                i += 1
            } else {
                rows.append(Row(before: nil, after: new[j]))
                j += 1
            }
        }
        return rows
    }
}
