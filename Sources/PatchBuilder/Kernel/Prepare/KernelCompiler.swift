// Compiling what a diff reaches, three times:
//
//     plain    as the kernel's makefiles do it; to be proven against the image
//     pre      the same source with functions and data in sections of their own
//     post     the same again, with the diff
//
// The first is made by make, all units of a fix at once, and kept: the next fix for the same file needs
// it again. Its saved line makes the other two without make. They carry type information too (BTF), so that a
// changed layout of a structure is noticed. While post is compiled, the texts with the diff stand in the tree.

import Findings
import Linux

/// One source file of the kernel, compiled.
package struct KernelUnit: Sendable, Equatable {
    /// Path relative to the source tree.
    package var source: String
    /// The object as the kernel's makefiles make it; real path.
    package var plain: String
    /// Before the diff, in sections.
    package var pre: String
    /// After the diff, in sections.
    package var post: String
    /// Name of the module; `nil` for the kernel proper.
    package var module: String?
}

struct KernelCompiler {
    let tree: KernelTree
    /// Where pre and post objects go.
    let folder: String
    let jobs: Int

    /// Where a fix finds the header of hooks.
    private var includes: String { folder + "/include" }

    /// Flags of the two sides of a pair.
    static let sectioned = ["-ffunction-sections", "-fdata-sections", "-gbtf"]

    /// Compiles units three times.
    /// - Parameters:
    ///   - sources: paths relative to the tree.
    ///   - diff: what becomes of the tree's files.
    ///   - keysAreTested: whether jump labels become plain tests of their keys.
    func compile(_ sources: [String], _ diff: StabilisedDiff, keysAreTested: Bool = false) throws(BuildError)
        -> (units: [KernelUnit], unused: [String])
    {
        // The edited files first: if the diff doesn't compile, then usually there.
        let edited = Set(diff.files.map(\.path))
        let editedFirst = sources.filter(edited.contains) + sources.filter { !edited.contains($0) }
        let (commands, unused) = try plain(editedFirst)
        try WorkFolder.make(folder)
        let units = commands.enumerated().map { number, entry in
            let base = "\(folder)/\(number)-\(BuildPath.name(entry.source).dropLast(2))"
            return KernelUnit(
                source: entry.source, plain: "\(tree.build)/\(entry.command.object)", pre: base + ".pre.o",
                post: base + ".post.o", module: entry.command.module)
        }
        let both = commands.map(\.command)
        try WorkFolder.make("\(includes)/tsugite")
        try WorkFolder.write(Array(HooksHeader.text.utf8), to: "\(includes)/\(HooksHeader.path)")
        try WorkFolder.write(Array(KeyTestsHeader.text.utf8), to: "\(includes)/\(KeyTestsHeader.path)")
        let more = keysAreTested ? ["-include", "\(includes)/\(KeyTestsHeader.path)"] : []
        let items = diff.files.flatMap { file in
            [TextExchange.Item(path: file.path, text: file.postFile.isEmpty ? nil : file.postFile)]
                + (file.oldPath.map { [TextExchange.Item(path: $0, text: nil)] } ?? [])
        }
        try TextExchange(tree: tree.package.source, folder: tree.folder).with(items) { () throws(BuildError) in
            try each(units, both, .postFailed, more) { $0.post }
        }
        try each(units, both, .preFailed, more) { $0.pre }
        return (units, unused)
    }

    private func each(
        _ units: [KernelUnit], _ commands: [KernelCommand], _ code: FindingCode, _ more: [String],
        _ output: @escaping @Sendable (KernelUnit) -> String
    ) throws(BuildError) {
        let build = tree.build
        let flags = Self.sectioned + ["-I", includes] + more
        _ = try Parallel.map(units.count, jobs: jobs) { index throws(BuildError) in
            let object = output(units[index])
            let compile = commands[index].compile(into: object, adding: flags)
            for line in [compile] + commands[index].steps(on: object) {
                try Self.run(line, in: build, for: units[index].source, code)
            }
            return index
        }
    }

    private static func run(_ line: [String], in folder: String, for source: String, _ code: FindingCode)
        throws(BuildError)
    {
        let command = Command(
            line.first ?? "", Array(line.dropFirst()), environment: KernelTree.environment, directory: folder)
        let result: CommandResult
        do throws(SystemError) { result = try command.run() } catch {
            throw BuildError(error, path: line.first ?? "")
        }
        guard result.succeeded else {
            throw KernelTree.failed(
                "\(source) doesn't compile", result, code,
                remedy: code == .postFailed
                    ? "Add the files that the fix needs as well, such as the headers of the same commit." : nil)
        }
    }
}

// MARK: - the plain objects

extension KernelCompiler {
    /// Makes the plain objects.
    ///
    /// The distributor's kernel was built from this very tree, so a source that doesn't compile with its configuration
    /// isn't part of it: the option that it belongs to is off.
    private func plain(_ sources: [String]) throws(BuildError) -> (
        commands: [(source: String, command: KernelCommand)], unused: [String]
    ) {
        let objects = sources.map { String($0.dropLast(2)) + ".o" }
        let missing = objects.filter { !FileFacts.exists(saved($0)) || !FileFacts.exists("\(tree.build)/\($0)") }
        if !missing.isEmpty {
            let result = try tree.make(["-k", "-j\(jobs)"] + missing)
            if objects.allSatisfy({ !FileFacts.exists(saved($0)) }) { throw try nothingMade(missing, result) }
        }
        var commands: [(source: String, command: KernelCommand)] = []
        var unused: [String] = []
        for (source, object) in zip(sources, objects) {
            guard FileFacts.exists(saved(object)) else {
                unused.append("\(source) doesn't belong to this configuration")
                continue
            }
            let text = String(decoding: try WorkFolder.read(saved(object)), as: UTF8.self)
            commands.append((source, try KernelCommand(saved: text, name: object)))
        }
        return (commands, unused)
    }

    /// Whether the tree is at fault, or the sources don't belong to it: a file that every kernel has must compile.
    private func nothingMade(_ objects: [String], _ result: CommandResult) throws(BuildError) -> BuildError {
        let (names, sample) = (objects.joined(separator: ", "), "fs/proc/version.o")
        _ = try tree.make([sample])
        guard FileFacts.exists(saved(sample)) else { return KernelTree.failed("\(names) can't be made", result) }
        return KernelTree.failed(
            "\(names) can't be made with this kernel's configuration, so it isn't part of it", result,
            .kernelNothing,
            remedy: FindingCode.kernelNothing.entry.remedy)
    }

    private func saved(_ object: String) -> String {
        let name = BuildPath.name(object)
        return "\(tree.build)/\(object.dropLast(name.count)).\(name).cmd"
    }
}
