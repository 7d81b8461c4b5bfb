// What follows from what the diff reaches: go on, nothing to do, or a refusal with its reason.

import Findings
import Linux

struct ReachVerdict {
    let build: ReproducedBuild
    /// The author's tree, to tell generated files from given ones.
    let source: String

    /// Lets the stage go on, with notes for the report, or refuses.
    func check(_ reach: DiffReach.Result) throws(BuildError) -> [String] {
        for unit in reach.units {
            switch unit.command.language {
            case .c, .cxx: continue
            case .assembly:
                throw BuildError(
                    .assembly, "the diff reaches the assembly file \(shown(unit.command.source))",
                    evidence: ["file": shown(unit.command.source), "reached": Self.describe(unit.reach)])
            case .other:
                throw BuildError(
                    .otherLanguage, "the diff reaches \(shown(unit.command.source)), which is neither C nor C++",
                    evidence: ["file": shown(unit.command.source), "compiler": unit.command.compiler])
            }
        }
        for file in reach.unreached where file.role == .generator {
            if let made = generated(from: file.path) {
                throw BuildError(
                    .generatedSource, "the diff changes \(file.path), from which \(made) is generated",
                    evidence: ["file": file.path, "generated file": made])
            }
        }
        try refuseChangedCopies(reach.unreached)
        if reach.units.isEmpty, reach.removed.isEmpty { throw nothing(reach) }
        return notes(reach)
    }

    private func shown(_ path: String) -> String { build.tree.relative(path) ?? path }

    private static func describe(_ reach: CompiledPair.Reach) -> String {
        switch reach {
        case .source: "edited by the diff"
        case .includes(let files): "includes " + files.joined(separator: ", ")
        }
    }

    private func nothing(_ reach: DiffReach.Result) -> BuildError {
        let files = reach.unreached
        let list = files.map { "\($0.path) (\($0.role.rawValue))" }.joined(separator: ", ")
        let serious = files.filter { ![.document, .test].contains($0.role) }
        if !serious.isEmpty, serious.allSatisfy({ $0.role == .buildSystem }) {
            return BuildError(
                .buildSystemOnly, "the diff changes how the tree is built, but no source",
                evidence: ["files": list])
        }
        // What a tool of the build makes from such a file isn't seen; that nothing comes of it can't be said.
        if let file = serious.first(where: { Self.mayFeedTools($0) }), reach.alsoIn.isEmpty {
            return BuildError(
                .generatedSource, "the diff changes \(file.path), and what the build makes from it isn't known",
                evidence: ["files": list])
        }
        let error = BuildError(
            .nothingToDo, "the diff changes no code of the targets",
            evidence: ["files": list.isEmpty ? "none: the texts before and after are the same" : list])
        return reach.alsoIn.isEmpty
            ? error : error.adding("they are compiled into", reach.alsoIn.joined(separator: ", "))
    }

    /// Whether a file that no compile reads may be the input of another tool: a grammar, a table, a template.
    private static func mayFeedTools(_ file: StabilisedFile) -> Bool {
        switch file.role {
        case .generator, .other: true
        case .header: [".tbl", ".def", ".inc"].contains { file.path.hasSuffix($0) }
        default: false
        }
    }

    /// A source or header that the build made from `path`: it is in the copy and not in the author's tree.
    private func generated(from path: String) -> String? {
        let stem = path.lastIndex(of: ".").map { String(path[..<$0]) } ?? path
        var names = [stem]
        names += [".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".tab.c", ".tab.h", ".yy.c", ".s", ".S"].map {
            stem + $0
        }
        let folder = FileSystem.parent(of: path)
        if folder == "." {
            names += ["y.tab.c", "lex.yy.c"]
        } else {
            names += ["\(folder)/y.tab.c", "\(folder)/lex.yy.c"]
        }
        return names.first { name in
            [.source, .header, .assembly].contains(FileRole(path: name))
                && FileFacts.exists(build.tree.copy + "/" + name) && !FileFacts.exists(source + "/" + name)
        }
    }

    /// Refuses files that the build copied elsewhere and changed on the way, before it compiled them there.
    ///
    /// Unchanged copies are among the diff's files and edited like the file itself.
    private func refuseChangedCopies(_ files: [StabilisedFile]) throws(BuildError) {
        let candidates = files.filter { [.source, .header].contains($0.role) && $0.change == .edited }
        guard !candidates.isEmpty else { return }
        let edited = Set(files.map(\.path))
        let roots = copyRoots
        for file in candidates {
            let copies = roots.lazy.map { $0 + file.path }.filter { copy in
                !edited.contains(copy) && FileFacts.exists(build.tree.copy + "/" + copy)
                    && !FileFacts.exists(source + "/" + copy)
            }
            guard let copy = copies.first else { continue }
            throw BuildError(
                .generatedSource, "the build compiled \(copy) in place of \(file.path), and they aren't the same",
                evidence: ["file": file.path, "generated file": copy])
        }
    }

    /// Folders of the copy, with a slash, from which the build compiled sources that the author's tree has elsewhere.
    private var copyRoots: [String] {
        var roots: Set<String> = []
        for command in build.compiles {
            guard let path = build.tree.relative(command.source), !FileFacts.exists(source + "/" + path) else {
                continue
            }
            let slashes = path.indices.filter { path[$0] == "/" }
            if let slash = slashes.first(where: { FileFacts.exists(source + path[$0...]) }) {
                roots.insert(String(path[...slash]))
            }
        }
        return roots.sorted()
    }

    private func notes(_ reach: DiffReach.Result) -> [String] {
        var notes = reach.removed.map { "\($0): removed by the diff; its code stays in running processes" }
        if !reach.alsoIn.isEmpty {
            let names = reach.alsoIn.prefix(8).joined(separator: ", ") + (reach.alsoIn.count > 8 ? ", ..." : "")
            notes.append("the diff changes \(names) as well, for which no patch is made: give each with --target")
        }
        for file in reach.unreached {
            switch file.role {
            case .document, .test: continue
            case _ where file.copyOf != nil: continue
            case .buildSystem:
                notes.append("\(file.path): a change of the build, not part of the patch; flags stay as they were")
            case .assembly: notes.append("\(file.path): assembly that no target is built from")
            case _ where Self.mayFeedTools(file):
                notes.append("\(file.path): what the build makes from it isn't part of the patch")
            default:
                let isNew = file.change == .added ? "a new file that" : "a file that"
                notes.append("\(file.path): \(isNew) no target is compiled from or includes")
            }
        }
        for unit in reach.units where !unit.command.rewrittenBy.isEmpty {
            let tools = unit.command.rewrittenBy.compactMap { $0.first }.joined(separator: ", ")
            notes.append("\(shown(unit.command.source)): its object was rewritten after the compile by \(tools)")
        }
        return notes
    }
}
