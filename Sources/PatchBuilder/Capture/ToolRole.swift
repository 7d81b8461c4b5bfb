// Which executed programs matter, and what they are.
//
// Recognised by the executable that really runs (symbolic links and wrappers left behind), because argv[0]
// can be anything. GNU drivers are not recognised by name at all: a driver is whatever runs `cc1` or its
// like, or `as` as its child (``BuildGraph``).

enum ToolRole: String, Codable, Sendable, Equatable {
    /// `cc1`: C proper.
    case compilerC = "cc1"
    /// `cc1plus`: C++ proper.
    case compilerCxx = "cc1plus"
    /// `f951`, `gnat1`, `cc1obj`, ...: another language of GCC.
    case compilerOther = "cc1-other"
    /// `lto1`, `lto-wrapper`: code made at link time.
    case linkTimeCompiler = "lto1"
    /// `as`.
    case assembler
    /// `nasm`, `yasm`: assemblers with a command line of their own.
    case intelAssembler = "nasm"
    /// clang as a driver.
    case clangDriver = "clang"
    /// clang as the compiler proper: `clang -cc1`.
    case clangProper = "clang-cc1"
    /// clang as an assembler: `clang -cc1as`.
    case clangAssembler = "clang-cc1as"
    /// GNU ld, gold, lld, mold.
    case linker
    /// `objcopy`, `strip`: write an object from another.
    case objectTool = "objcopy"
    /// Anything else; kept only while its children run, as it may turn out to be a GNU driver.
    case other

    /// The role of a process by its executable and arguments.
    init(executable: String, arguments: [String]) {
        let name = String(executable.split(separator: "/").last ?? "")
        if name.hasPrefix("clang"), !name.hasPrefix("clangd"), !name.hasPrefix("clang-format"),
            !name.hasPrefix("clang-tidy"), !name.hasPrefix("clang-scan"), !name.hasPrefix("clang-offload")
        {
            switch arguments.dropFirst().first {
            case "-cc1": self = .clangProper
            case "-cc1as": self = .clangAssembler
            default: self = .clangDriver
            }
            return
        }
        if let known = Self.exact[name] {
            self = known
        } else if let last = Self.withoutVersion(name).split(separator: "-").last, let tool = Self.suffixes[last] {
            self = tool
        } else {
            self = .other
        }
    }

    /// `x86_64-linux-gnu-objcopy-2.40` names the tool in front of the version.
    private static func withoutVersion(_ name: String) -> String {
        let parts = name.split(separator: "-")
        guard parts.count > 1, let last = parts.last, last.allSatisfy({ $0.isNumber || $0 == "." }) else {
            return name
        }
        return parts.dropLast().joined(separator: "-")
    }

    private static let exact: [String: ToolRole] = [
        "cc1": .compilerC, "cc1plus": .compilerCxx, "cc1obj": .compilerOther, "cc1objplus": .compilerOther,
        "f951": .compilerOther, "gnat1": .compilerOther, "go1": .compilerOther, "d21": .compilerOther,
        "cc1gm2": .compilerOther, "crab1": .compilerOther, "lto1": .linkTimeCompiler,
        "lto-wrapper": .linkTimeCompiler, "nasm": .intelAssembler, "yasm": .intelAssembler, "lld": .linker,
        "mold": .linker, "gold": .linker, "wild": .linker,
    ]

    private static let suffixes: [Substring: ToolRole] = [
        "as": .assembler, "ld": .linker, "ld.bfd": .linker, "ld.gold": .linker, "ld.lld": .linker,
        "ld.mold": .linker, "lld": .linker, "objcopy": .objectTool, "strip": .objectTool,
    ]
}
