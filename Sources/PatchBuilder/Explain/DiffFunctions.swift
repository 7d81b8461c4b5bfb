/// What a diff edits, in the source's own words: functions, and places outside of functions.
package struct DiffFunctions: Sendable, Equatable, Codable {
    /// Names of edited functions, by file.
    package var functions: [String: [String]] = [:]
    /// Edited places outside of functions (macros, types, tables), as `file:line`, by file.
    package var declarations: [String: [String]] = [:]

    /// Nothing edited.
    package init() {}

    /// Adds one edited file, told by its text before the diff.
    package mutating func add(_ file: StabilisedFile, textBefore: [UInt8]) {
        let known = SourceFunctionScanner.functions(in: textBefore)
        for region in file.regions {
            // An insertion stands in front of its line; both neighbours must belong to the function.
            let lines =
                region.preCount > 0
                ? region.preStart...(region.preStart + region.preCount - 1)
                : max(region.preStart - 1, 1)...max(region.preStart, 1)
            let touched = known.filter {
                region.preCount > 0
                    ? $0.lines.overlaps(lines)
                    : $0.lines.contains(lines.lowerBound) && $0.lines.contains(lines.upperBound)
            }
            for function in touched where !(functions[file.path] ?? []).contains(function.name) {
                functions[file.path, default: []].append(function.name)
            }
            if touched.isEmpty { declarations[file.path, default: []].append("\(file.path):\(region.preStart)") }
        }
    }

    /// What is edited in files that one unit reads.
    func visible(in unit: CompiledPair) -> (functions: [String], declarations: [String]) {
        var files = [unit.source]
        if case .includes(let paths) = unit.reach { files += paths }
        // A unit reached through its own source may include edited headers besides.
        let readable = functions.keys.sorted().filter { files.contains($0) || FileRole(path: $0) == .header }
        let places = declarations.keys.sorted().filter { files.contains($0) || FileRole(path: $0) == .header }
        return (readable.flatMap { functions[$0] ?? [] }, places.flatMap { declarations[$0] ?? [] })
    }
}
