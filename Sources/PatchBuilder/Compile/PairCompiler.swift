// The fourth stage: every unit that the diff reaches, compiled before and after.
//
// First all units before the diff, then the texts change places, then all units after it; both sides run the same
// command at the same path and write the same output name, so whatever a compiler puts into an object about
// where it is, it puts into both. A third object is the one that the build itself made, for proving: it is used
// where it still lies, and made again by the untouched command where the build has deleted it, and the pair says
// whether that gave the very bytes that were captured.

import Findings
import Linux

struct PairCompiler {
    let build: ReproducedBuild
    /// The build's folder.
    let buildFolder: String
    /// The patch's folder.
    let folder: String
    let jobs: Int
    let report: ProgressReport

    /// Compiles `units` on both sides of `diff`.
    func compile(_ units: [DiffReach.Unit], _ diff: StabilisedDiff) throws(BuildError) -> [CompiledPair] {
        let exchange = TextExchange(tree: build.tree.copy, folder: buildFolder)
        try exchange.recover()
        try WorkFolder.remove(folder + "/units")
        _ = try PatchHeader.write(below: buildFolder)
        for index in units.indices { try WorkFolder.make(unitFolder(index)) }
        let sandbox = try Sandbox(of: build)
        let originals = try each(units, 0) { (index, unit) throws(BuildError) in
            try original(unit, index, sandbox)
        }
        let pre = try each(units, 1) { (index, unit) throws(BuildError) in
            try compile(unit, index, side: "pre", sectioned: true, .preFailed, sandbox)
        }
        let items = diff.files.filter { $0.role != .document }.map {
            TextExchange.Item(path: $0.path, text: $0.change == .removed ? nil : $0.postFile)
        }
        let post = try exchange.with(items) { () throws(BuildError) in
            try each(units, 2) { (index, unit) throws(BuildError) in
                try compile(unit, index, side: "post", sectioned: true, .postFailed, sandbox)
            }
        }
        let names = Self.names(units, build)
        return units.indices.map { index in
            let unit = units[index]
            return CompiledPair(
                unit: names[index], source: build.tree.relative(unit.command.source) ?? unit.command.source,
                compile: unit.command.id, preOriginal: originals[index],
                isOriginalExact: isCaptured(originals[index], unit), pre: pre[index], post: post[index],
                hasDebugInfo: DriverArguments(unit.command.arguments).hasDebugInfo, links: unit.links,
                reach: unit.reach)
        }
    }

    private func isCaptured(_ path: String, _ unit: DiffReach.Unit) -> Bool {
        (try? FileSystem.read(path)).map { ContentDigest.hex($0) == unit.command.digest } ?? false
    }

    private func unitFolder(_ index: Int) -> String { "\(folder)/units/\(index)" }

    private func each(
        _ units: [DiffReach.Unit], _ round: Int,
        _ body: @escaping @Sendable (Int, DiffReach.Unit) throws(BuildError) -> String
    ) throws(BuildError) -> [String] {
        let report = report
        let words = ["finding the built object of", "compiling before the diff", "compiling after the diff"]
        return try Parallel.map(units.count, jobs: jobs) { index throws(BuildError) in
            let unit = units[index]
            let done = Double(round * units.count + index) / Double(3 * units.count)
            report(
                BuildProgress(
                    .compileTwice, "\(words[round]): \(unit.command.sourceArgument)", fraction: 0.5 + done / 2))
            return try body(index, unit)
        }
    }

    /// A source that was compiled more than once is told apart by the compile's number.
    private static func names(_ units: [DiffReach.Unit], _ build: ReproducedBuild) -> [String] {
        var counts: [String: Int] = [:]
        for command in build.compiles { counts[command.source, default: 0] += 1 }
        return units.map { unit in
            let source = build.tree.relative(unit.command.source) ?? unit.command.source
            return (counts[unit.command.source] ?? 0) > 1 ? "\(source)@\(unit.command.id)" : source
        }
    }
}

// MARK: - one object

extension PairCompiler {
    /// Compiles one side of a unit; the object gets the side's name once it is whole.
    private func compile(
        _ unit: DiffReach.Unit, _ index: Int, side: String, sectioned: Bool, _ code: FindingCode,
        _ sandbox: Sandbox
    ) throws(BuildError) -> String {
        let output = unitFolder(index) + "/unit.o"
        let place = unitFolder(index) + "/\(side).o"
        let isCompiled = [.c, .cxx].contains(unit.command.language)
        let rewritten = UnitCommand(
            command: unit.command, source: code == .postFailed ? unit.movedTo : nil,
            headers: isCompiled ? buildFolder + "/include" : nil)
        let arguments = rewritten.object(output, sectioned: sectioned)
        let result: CommandResult
        do throws(SystemError) {
            result = try sandbox.command(
                arguments, directory: unit.command.directory, environment: rewritten.environment(pinned: sectioned)
            ).run()
        } catch {
            throw BuildError(error, path: unit.command.compiler)
        }
        guard result.succeeded, FileFacts.exists(output) else {
            throw failure(unit, arguments, result, code)
        }
        do throws(SystemError) {
            try FileSystem.rename(output, to: place)
        } catch {
            throw BuildError(error, path: place)
        }
        return place
    }

    private func failure(
        _ unit: DiffReach.Unit, _ arguments: [String], _ result: CommandResult, _ code: FindingCode
    ) -> BuildError {
        let text = result.errorText
        if text.contains("No space left on device") {
            return BuildError(.noSpace, "no space left for objects", evidence: ["path": folder])
        }
        let when = code == .postFailed ? "after the diff" : "before the diff"
        return BuildError(
            code, "\(unit.command.sourceArgument) doesn't compile \(when)",
            evidence: [
                "source": unit.command.source, "command": arguments.joined(separator: " "),
                "directory": unit.command.directory, "output": "\n" + String(text.prefix(4_000)),
            ])
    }

    /// The object as the build made it.
    ///
    /// Builds move objects (`mv objs/x.o x.lo`); the links know where they were last.
    private func original(
        _ unit: DiffReach.Unit, _ index: Int, _ sandbox: Sandbox
    ) throws(BuildError) -> String {
        var places = [unit.command.output]
        for link in build.links {
            for input in link.inputs where input.member == nil && input.digest == unit.command.digest {
                places.append(input.path)
            }
        }
        for place in places.map(build.tree.real) {
            if let bytes = try? FileSystem.read(place), ContentDigest.hex(bytes) == unit.command.digest {
                return place
            }
        }
        return try compile(unit, index, side: "original", sectioned: false, .preFailed, sandbox)
    }
}
