/// Which tool made an object file.
///
/// Decides how the command is rewritten for the two compiles.
package enum CompilerFamily: String, Sendable, Codable {
    /// GNU: a driver that runs `cc1`, `cc1plus`, `as`.
    case gcc
    /// LLVM: a driver that compiles in its own process or runs itself with `-cc1`.
    case clang
    /// An assembler that was run by itself (`as`, `nasm`).
    case assembler
    /// A compiler of another language; its objects are known but can't be patched.
    case other
}

/// The language of a translation unit, as the compiler understood it (`-x` and suffix).
package enum SourceLanguage: String, Sendable, Codable {
    case c
    case cxx = "c++"
    case assembly
    case other
}

/// How one object file came to be: enough to make it again, to the byte.
///
/// One driver run over several sources becomes several commands. Paths are as the build saw them
/// (``ReproducedBuild/tree``); `BuildTree.real(_:)` says where the file is now.
package struct CompileCommand: Sendable, Codable, Equatable, Identifiable {
    /// Position in ``ReproducedBuild/compiles``.
    package var id: Int
    /// Kind of compiler.
    package var family: CompilerFamily
    /// The compiler driver's executable, symbolic links followed.
    package var compiler: String
    /// The driver's arguments as run, response files expanded.
    ///
    /// `argv[0]` is a path that leads to `compiler` under the name by which it was called, and can be run.
    package var arguments: [String]
    /// Working directory.
    package var directory: String
    /// `NAME=value` of the variables that a compiler reads.
    package var environment: [String]
    /// The one source file that this command is about; absolute.
    package var source: String
    /// The same file as the command line spells it.
    package var sourceArgument: String
    /// Its language.
    package var language: SourceLanguage
    /// The object file; absolute.
    ///
    /// A temporary name when one driver run compiled and linked.
    package var output: String
    /// SHA-256 of the object file when the compiler had just written it; lower-case hex.
    package var digest: String
    /// Commands that rewrote the object afterwards (`objcopy`, `strip`); each one argv.
    package var rewrittenBy: [[String]]

    /// Makes a command.
    package init(
        id: Int, family: CompilerFamily, compiler: String, arguments: [String], directory: String,
        environment: [String], source: String, sourceArgument: String, language: SourceLanguage,
        output: String, digest: String, rewrittenBy: [[String]] = []
    ) {
        self.id = id
        self.family = family
        self.compiler = compiler
        self.arguments = arguments
        self.directory = directory
        self.environment = environment
        self.source = source
        self.sourceArgument = sourceArgument
        self.language = language
        self.output = output
        self.digest = digest
        self.rewrittenBy = rewrittenBy
    }
}
