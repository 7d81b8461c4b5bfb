import ELF
import Linux
import LivePatch

/// Shows the first changed instruction of a function in the words of a disassembler.
///
/// `objdump` of binutils is asked once per object. Without it the report shows bytes instead.
struct Disassembly {
    /// Lines by section and offset.
    private var lines: [String: [Int: String]] = [:]

    /// Disassembles a few sections of an object file.
    init(_ path: String, sections: [String]) {
        guard !sections.isEmpty else { return }
        let arguments = ["-dr", "--no-show-raw-insn", "-w"] + sections.map { "--section=" + $0 } + [path]
        guard let result = try? Command("/usr/bin/objdump", arguments, timeout: .seconds(60)).run() else { return }
        var section = ""
        for line in result.outputText.split(separator: "\n") {
            if line.hasPrefix("Disassembly of section ") {
                section = String(line.dropFirst(23).dropLast())
                continue
            }
            let pieces = line.split(separator: "\t", maxSplits: 1)
            guard pieces.count == 2, pieces[0].hasSuffix(":"),
                let offset = Int(pieces[0].drop { $0 == " " }.dropLast(), radix: 16)
            else { continue }
            lines[section, default: [:]][offset] = Self.tidy(pieces[1])
        }
    }

    /// One line: tabs and runs of blanks become one blank.
    private static func tidy(_ text: Substring) -> String {
        text.split { $0 == "\t" || $0 == " " }.joined(separator: " ")
    }

    /// All instructions of one function, in order, without addresses: those shift with every insertion.
    static func lines(_ path: String, _ model: ObjectModel, _ entity: Entity) -> [String] {
        let section = model.sections[entity.section].name
        let all = Disassembly(path, sections: [section]).lines[section] ?? [:]
        return all.filter { entity.range.contains($0.key) }.sorted { $0.key < $1.key }.map { _, text in
            // `jne 4a <f+0x4a>`: the distance into the function itself says nothing.
            guard let open = text.firstIndex(of: "<"), text.hasPrefix("j") || text.hasPrefix("call") else {
                return text
            }
            let words = text[..<open].split(separator: " ")
            return words.dropLast().joined(separator: " ") + " " + text[open...]
        }
    }

    /// The instruction that covers an offset of a section.
    func instruction(_ section: String, at offset: Int) -> (offset: Int, text: String)? {
        guard let known = lines[section] else { return nil }
        for candidate in (max(offset - 14, 0)...max(offset, 0)).reversed() {
            if let text = known[candidate] { return (candidate, text) }
        }
        return nil
    }
}

extension PatchUnit {
    /// The first difference of each changed function, by index of the post entity.
    func differences(prePath: String, postPath: String) -> [Int: Manifest.Difference] {
        let changed = comparison.functions.compactMap { change -> (pre: Entity, post: Entity, at: Int)? in
            guard case .changed(let at) = change.status, let first = change.pre, let second = change.post else {
                return nil
            }
            return (pre.entities[first], post.entities[second], at)
        }
        let before = Disassembly(prePath, sections: Set(changed.map { pre.sections[$0.pre.section].name }).sorted())
        let after = Disassembly(
            postPath, sections: Set(changed.map { post.sections[$0.post.section].name }).sorted())
        var found: [Int: Manifest.Difference] = [:]
        for change in changed {
            found[change.post.index] = Manifest.Difference(
                offset: change.at, before: text(before, pre, change.pre, change.at),
                after: text(after, post, change.post, change.at))
        }
        return found
    }

    private func text(_ lines: Disassembly, _ model: ObjectModel, _ entity: Entity, _ offset: Int) -> String {
        let place = entity.range.lowerBound + offset
        if let found = lines.instruction(model.sections[entity.section].name, at: place) { return found.text }
        guard offset < entity.range.count else { return "(end)" }
        return hex(Array(model.bytes(entity).dropFirst(offset).prefix(8)))
    }
}
