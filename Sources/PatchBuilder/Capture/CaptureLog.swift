// What was seen while the build ran: raw facts, in order. Turned into compiles and links by ``BuildGraph``.

/// The content of one object, archive member or linked file at one moment.
struct FileStamp: Codable, Sendable, Equatable {
    /// What the bytes are.
    enum Kind: String, Codable, Sendable {
        /// ELF relocatable object.
        case object
        /// LLVM bitcode: an object of a link-time optimised build.
        case bitcode
        /// ELF executable or shared library.
        case image
        /// Something else, taken in as data.
        case data
    }

    /// The file, or the archive; absolute, as the build saw it.
    var path: String
    /// Name in the archive.
    var member: String?
    /// SHA-256 in lower-case hex; empty for files of the system, which aren't read.
    var digest: String
    /// What it is.
    var kind: Kind
    /// True if the file lies outside the tree and is older than the build.
    var isSystem: Bool
}

/// One executed program that matters.
struct CapturedProcess: Codable, Sendable, Equatable {
    /// Position in the log: the order in which programs were started.
    var id: Int
    /// The program that started this one, if it is in the log.
    var parent: Int?
    /// What it is.
    var role: ToolRole
    /// The executable that runs, symbolic links followed.
    var executable: String
    /// Arguments, response files expanded.
    var arguments: [String]
    /// Working directory.
    var directory: String
    /// The variables that a compiler reads.
    var environment: [String]
    /// Objects that it was given, at its start: of linkers and object tools.
    var inputs: [FileStamp]
    /// What it had written at its end.
    var outputs: [FileStamp]
    /// Exit status 0.
    var succeeded: Bool
}

/// Everything seen during one build.
struct CaptureLog: Codable, Sendable, Equatable {
    /// The programs in the order of their start.
    var processes: [CapturedProcess] = []
}

extension CapturedProcess {
    /// `path` as this process meant it, absolute, `.` and `..` resolved by name.
    func absolute(_ path: String) -> String { BuildPath.absolute(path, in: directory) }
}

enum BuildPath {
    /// `path` below `directory` if it is relative; `.`, `..` and double slashes resolved by name alone.
    static func absolute(_ path: String, in directory: String) -> String {
        let full = path.hasPrefix("/") ? path : directory + "/" + path
        var parts: [Substring] = []
        for part in full.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// The last component.
    static func name(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
}

/// The variables that decide what a compiler makes; the rest of the environment isn't kept.
///
/// GCC manual, "Environment Variables Affecting GCC"; the like of clang. Variables that only name extra
/// outputs (`DEPENDENCIES_OUTPUT`) are left out on purpose.
enum CompilerEnvironment {
    private static let names: Set<String> = [
        "PATH", "PWD", "HOME", "TMPDIR", "LANG", "COMPILER_PATH", "LIBRARY_PATH", "GCC_EXEC_PREFIX", "CPATH",
        "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "SOURCE_DATE_EPOCH", "LD_LIBRARY_PATH",
        "GCC_COMPARE_DEBUG", "CCC_OVERRIDE_OPTIONS", "CCC_ADD_ARGS", "ZERO_AR_DATE", "SYSROOT",
    ]

    /// The variables of `environment` (`NAME=value`) that are kept, in order.
    static func kept(_ environment: [String]) -> [String] {
        environment.filter { pair in
            let name = String(pair.prefix { $0 != "=" })
            return names.contains(name) || name.hasPrefix("LC_")
        }
    }
}
