import Linux

/// Compilers and linkers by content, and by the name under which they were called.
enum Tools {
    /// Every compiler, assembler and linker that the build ran, each once.
    static func identities(of log: CaptureLog) -> [ToolIdentity] {
        var drivers: Set<String> = []
        var others: Set<String> = []
        for process in log.processes where process.succeeded {
            switch process.role {
            case .other:
                // Only programs with compilers below them got into the log; make and shells did, too.
                let name = BuildPath.name(process.executable)
                if ["gcc", "g++", "cc", "c++"].contains(where: { name.contains($0) }) {
                    drivers.insert(process.executable)
                }
            case .objectTool, .linkTimeCompiler: break
            case .clangDriver, .linker, .assembler, .intelAssembler: drivers.insert(process.executable)
            default: others.insert(process.executable)
            }
        }
        return (drivers.sorted().map { ($0, true) } + others.subtracting(drivers).sorted().map { ($0, false) })
            .compactMap { identity($0.0, asksVersion: $0.1) }
    }

    private static func identity(_ path: String, asksVersion: Bool) -> ToolIdentity? {
        guard let facts = try? FileFacts.of(path), let bytes = try? FileSystem.read(path) else { return nil }
        var version = ""
        if asksVersion, let result = try? Command(path, ["--version"], timeout: .seconds(10)).run() {
            version = String(result.outputText.prefix { $0 != "\n" })
        }
        return ToolIdentity(
            path: path, digest: ContentDigest.hex(bytes), version: version, size: facts.size,
            modified: facts.modified)
    }

    /// Whether the program is still the one that took part.
    static func isUnchanged(_ tool: ToolIdentity) -> Bool {
        guard let facts = try? FileFacts.of(tool.path) else { return false }
        if facts.size == tool.size, facts.modified == tool.modified { return true }
        guard facts.size == tool.size, let bytes = try? FileSystem.read(tool.path) else { return false }
        return ContentDigest.hex(bytes) == tool.digest
    }

    /// Makes `argv[0]` a path that can be run and still has the name by which the driver was called.
    ///
    /// clang compiles C++ when it is called `clang++`; wrappers on the search path (ccache) are passed by.
    static func withCallName(_ command: CompileCommand) -> CompileCommand {
        var command = command
        guard let called = command.arguments.first else { return command }
        let path = command.environment.first { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? "/usr/bin:/bin"
        let candidates: [String] =
            called.contains("/")
            ? [BuildPath.absolute(called, in: command.directory)]
            : path.split(separator: ":").map { BuildPath.absolute("\($0)/\(called)", in: command.directory) }
        command.arguments[0] = candidates.first { Links.followed($0) == command.compiler } ?? command.compiler
        return command
    }
}
