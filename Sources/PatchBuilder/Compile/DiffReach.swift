// Which translation units does a diff reach?
//
// Those whose source it edits, and those that include a file that it edits. The second needs dependency lists,
// which the recorded compiles print when run with -M. That costs a preprocessor run per unit, so it is done only
// if the diff edits something that could be included, once per unit, on all cores; the lists are kept with the
// build. An edited `.c` counts as included if any file of the tree names it behind `#include`.

import Findings
import Linux

struct DiffReach {
    let build: ReproducedBuild
    /// The build's folder.
    let folder: String
    let jobs: Int
    let report: ProgressReport
    /// Whether the other things that the build links are looked at as well: not where all that is shipped is a target.
    var looksBeyondTargets = true

    /// One unit that the diff reaches.
    struct Unit: Sendable {
        var command: CompileCommand
        var reach: CompiledPair.Reach
        /// Where the diff has moved the source to; absolute, as the build would see it.
        var movedTo: String?
        /// Final links that the unit is in.
        var links: [Int]
    }

    /// What the diff reaches.
    struct Result: Sendable {
        var units: [Unit]
        /// Edited files that no unit of a target includes.
        var unreached: [StabilisedFile]
        /// Sources of a target that the diff removes.
        var removed: [String]
        /// Names of what else the build links from edited files, and nobody asked a patch for.
        var alsoIn: [String] = []
    }

    /// The units of the `targets`' links that `diff` reaches.
    func find(_ diff: StabilisedDiff, _ targets: [TargetMatch]) throws(BuildError) -> Result {
        let links = Set(targets.map(\.link)).sorted()
        var linksOfUnit: [Int: [Int]] = [:]
        for link in links {
            for command in build.compiles(of: build.links[link]) {
                linksOfUnit[command.id, default: []].append(link)
            }
        }
        let others = looksBeyondTargets ? outputs(besides: links) : [:]
        let commands = Set(linksOfUnit.keys).union(others.keys).sorted().map { build.compiles[$0] }
        let edited = Dictionary(
            diff.files.flatMap { file in [(file.path, file)] + (file.oldPath.map { [($0, file)] } ?? []) },
            // A moved file stands under its old name as removed, too; that it went on is what counts.
            uniquingKeysWith: { $0.change == .removed ? $1 : $0 })
        let includes = try includedFiles(of: commands, edited: edited)
        var result = Result(units: [], unreached: [], removed: [])
        var reached: Set<String> = []
        var alsoIn: Set<String> = []
        for (command, included) in zip(commands, includes) {
            let source = build.tree.relative(command.source) ?? command.source
            let hits = included.filter { edited[$0] != nil && $0 != source }.sorted()
            if !hits.isEmpty || edited[source] != nil { alsoIn.formUnion(others[command.id] ?? []) }
            guard let links = linksOfUnit[command.id] else { continue }
            reached.formUnion(hits)
            var unit = Unit(command: command, reach: .includes(hits), links: links)
            if let file = edited[source] {
                reached.insert(source)
                unit.reach = .source
                if file.change == .removed {
                    result.removed.append(source)
                    continue
                }
                if file.oldPath == source { unit.movedTo = build.tree.seen + "/" + file.path }
            } else if hits.isEmpty {
                continue
            }
            result.units.append(unit)
        }
        // An edited file is reached by its copy as well.
        reached.formUnion(diff.files.filter { reached.contains($0.path) }.compactMap(\.copyOf))
        result.alsoIn = alsoIn.sorted()
        result.unreached = diff.files.filter { file in
            !reached.contains(file.path) && !(file.oldPath.map(reached.contains) ?? false)
        }
        return result
    }

    /// For each compile the names of what the build links from it, the given links left out.
    private func outputs(besides links: [Int]) -> [Int: Set<String>] {
        let known = Set(links.map { BuildPath.name(build.links[$0].output) })
        var names: [Int: Set<String>] = [:]
        for output in build.outputs {
            let name = BuildPath.name(output.output)
            guard !known.contains(name) else { continue }
            for command in build.compiles(of: output) { names[command.id, default: []].insert(name) }
        }
        return names
    }
}

// MARK: - dependency lists

extension DiffReach {
    /// For each command the files of the tree that it reads, relative; empty lists if none can matter.
    private func includedFiles(
        of commands: [CompileCommand], edited: [String: StabilisedFile]
    ) throws(BuildError) -> [Set<String>] {
        guard try mayBeIncluded(edited, besides: Set(commands.map(\.source))) else {
            return Array(repeating: [], count: commands.count)
        }
        let lists = folder + "/includes"
        try WorkFolder.make(lists)
        let sandbox = try Sandbox(of: build)
        let tree = build.tree
        let report = report
        return try Parallel.map(commands.count, jobs: jobs) { index throws(BuildError) in
            let command = commands[index]
            guard [.c, .cxx].contains(command.language) || command.source.hasSuffix(".S") else { return [] }
            let place = "\(lists)/\(command.id)"
            if let text = try? FileSystem.readText(place) {
                return Set(text.split(separator: "\n").map(String.init))
            }
            report(
                BuildProgress(
                    .compileTwice, "reading includes of \(command.sourceArgument)",
                    fraction: Double(index) / Double(commands.count) / 2))
            let unit = UnitCommand(command: command)
            let result = try Self.run(sandbox, unit, unit.dependencies())
            let names = MakeRule.prerequisites(result.output).compactMap { name in
                tree.relative(Self.followed(BuildPath.absolute(name, in: command.directory), tree))
            }
            try WorkFolder.write(Array(Set(names).sorted().joined(separator: "\n").utf8), to: place)
            return Set(names)
        }
    }

    private static func run(
        _ sandbox: Sandbox, _ unit: UnitCommand, _ arguments: [String]
    ) throws(BuildError) -> CommandResult {
        let command = sandbox.command(
            arguments, directory: unit.command.directory, environment: unit.environment(pinned: false))
        let result: CommandResult
        do throws(SystemError) {
            result = try command.run()
        } catch {
            throw BuildError(error, path: unit.command.directory)
        }
        guard result.succeeded else {
            throw BuildError(
                .preFailed, "the includes of \(unit.command.sourceArgument) can't be found out",
                evidence: [
                    "command": arguments.joined(separator: " "), "directory": unit.command.directory,
                    "output": String(result.errorText.suffix(2_000)),
                ])
        }
        return result
    }

    private static func followed(_ path: String, _ tree: BuildTree) -> String {
        guard let real = Links.followed(tree.real(path)), real.hasPrefix(tree.copy + "/") else { return path }
        return tree.seen + real.dropFirst(tree.copy.count)
    }

    /// Whether anything that the diff edits could be read by more than its own compile.
    private func mayBeIncluded(
        _ edited: [String: StabilisedFile], besides compiled: Set<String>
    ) throws(BuildError) -> Bool {
        var names: [[UInt8]] = []
        for (path, file) in edited {
            switch file.role {
            case .document, .buildSystem: continue
            case .header, .other, .assembly, .generator: return true
            case .source, .test:
                if !compiled.contains(build.tree.seen + "/" + path) { return true }
                names.append(Array(BuildPath.name(path).utf8))
            }
        }
        return try IncludeScan.mentions(names, below: build.tree.copy)
    }
}
