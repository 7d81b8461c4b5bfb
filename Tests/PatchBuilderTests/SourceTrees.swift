import Findings
import Linux
import Testing

@testable import PatchBuilder

/// Whether a tool is installed; tests that need it are skipped visibly without it.
func has(_ tool: String) -> Bool { (try? Executable.find(tool)) != nil }

/// A small source tree made for one test, with a work folder beside it.
///
/// Gone with the value.
final class Project {
    private let directory: TemporaryDirectory
    /// Top of the tree.
    let source: String
    /// Work folder for it.
    let work: String

    init(_ files: [String: String]) throws {
        directory = try TemporaryDirectory(prefix: "tsugite-project")
        source = directory.path + "/src"
        work = directory.path + "/work"
        try FileSystem.makeDirectory(source)
        for (path, text) in files { try write(path, text) }
    }

    func write(_ path: String, _ text: String) throws {
        try FileSystem.makeDirectory(FileSystem.parent(of: source + "/" + path))
        let mode: UInt32 = text.hasPrefix("#!") ? 0o755 : 0o644
        try FileSystem.replace(source + "/" + path, with: text, mode: mode)
    }

    /// A file beside the tree.
    func beside(_ name: String, _ text: String) throws -> String {
        let path = directory.path + "/" + name
        try FileSystem.replace(path, with: text)
        return path
    }

    func request(_ command: String?, patches: [String] = [], targets: [String] = []) -> BuildRequest {
        BuildRequest(
            source: source, patches: patches, targets: targets, buildCommand: command,
            output: source + "/../out.tsp",
            workFolder: work)
    }

    /// Runs the first stage.
    func reproduce(_ command: String?) throws -> ReproducedBuild {
        let reproducer = Reproducer(request(command), try WorkFolder(work), report: { _ in })
        return try reproducer.build(try reproducer.place())
    }

    /// Content of the whole tree.
    func digest() throws -> String { try SourceTree(source).contentDigest() }

    /// Runs a shell command in the tree, for preparations.
    func shell(_ command: String) throws {
        let result = try Command("/bin/sh", ["-c", command], directory: source).run()
        if !result.succeeded { Issue.record("\(command): \(result.errorText)") }
    }
}

extension ReproducedBuild {
    /// `src/a.c -> prog, libx.so`: each compile's source, and the outputs that it is in.
    var summary: [String] {
        outputs.map { link in
            let name = BuildPath.name(link.output)
            let parts = objects(of: link).compactMap { object -> String? in
                switch object.origin {
                case .compile(let id):
                    let source = compiles[id].source
                    return (tree.relative(source) ?? source) + (compiles[id].rewrittenBy.isEmpty ? "" : "*")
                case .unknown: return "?" + BuildPath.name(object.member ?? object.path)
                case .data: return "data:" + BuildPath.name(object.path)
                case .partialLink: return "partial"
                case .system: return nil
                }
            }
            return "\(name): " + parts.joined(separator: " ")
        }.sorted()
    }
}

/// The finding of a refusal, or nil.
func refused(_ body: () throws -> Void) -> Finding? {
    do {
        try body()
        return nil
    } catch let error as any DiagnosableError {
        return error.finding
    } catch {
        Issue.record("\(error)")
        return nil
    }
}
