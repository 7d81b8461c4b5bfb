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
    static let sectioned = ["-ffunction-sections", "-fdata-sections", "-gbtf", "-w"]

    /// Compiles units three times.
    /// - Parameters:
    ///   - sources: paths relative to the tree.
    ///   - diff: what becomes of the tree's files.
    func compile(_ sources: [String], _ diff: StabilisedDiff) throws(BuildError) -> [KernelUnit] {
        let commands = try plain(sources)
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
        try each(units, both, .preFailed) { $0.pre }
        let items = diff.files.flatMap { file in
            [TextExchange.Item(path: file.path, text: file.postFile.isEmpty ? nil : file.postFile)]
                + (file.oldPath.map { [TextExchange.Item(path: $0, text: nil)] } ?? [])
        }
        try TextExchange(tree: tree.package.source, folder: tree.folder).with(items) { () throws(BuildError) in
            try each(units, both, .postFailed) { $0.post }
        }
        return units
    }

    private func each(
        _ units: [KernelUnit], _ commands: [KernelCommand], _ code: FindingCode,
        _ output: @escaping @Sendable (KernelUnit) -> String
    ) throws(BuildError) {
        let build = tree.build
        let flags = Self.sectioned + ["-I", includes]
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
    private func plain(_ sources: [String]) throws(BuildError) -> [(source: String, command: KernelCommand)] {
        let objects = sources.map { String($0.dropLast(2)) + ".o" }
        let missing = objects.filter { !FileFacts.exists(saved($0)) || !FileFacts.exists("\(tree.build)/\($0)") }
        if !missing.isEmpty {
            let result = try tree.make(["-k", "-j\(jobs)"] + missing)
            for object in missing where !FileFacts.exists(saved(object)) {
                throw KernelTree.failed("\(object) can't be made", result).adding("object", object)
            }
        }
        var commands: [(source: String, command: KernelCommand)] = []
        for (source, object) in zip(sources, objects) {
            let text = String(decoding: try WorkFolder.read(saved(object)), as: UTF8.self)
            commands.append((source, try KernelCommand(saved: text, name: object)))
        }
        return commands
    }

    private func saved(_ object: String) -> String {
        let name = BuildPath.name(object)
        return "\(tree.build)/\(object.dropLast(name.count)).\(name).cmd"
    }
}
