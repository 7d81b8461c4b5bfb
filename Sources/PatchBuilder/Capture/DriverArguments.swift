// What a gcc or clang driver was asked to do. Both share one command line language; where they differ, options
// of one are unknown to the other, so one table serves. Source: GCC manual, "Option Summary" and "Overall
// Options"; clang's "Clang command line argument reference".

/// A driver's command line, understood.
struct DriverArguments: Equatable, Sendable {
    /// How far the driver goes.
    enum Mode: Equatable, Sendable {
        /// Compile and link.
        case link
        /// `-c`: to an object.
        case object
        /// `-S`, `-E`, `-M`, `-fsyntax-only`: no object.
        case noObject
    }

    /// One source file on the command line.
    struct Source: Equatable, Sendable {
        /// Position among the arguments.
        var index: Int
        /// As spelled; `-` for standard input.
        var path: String
        /// By `-x` or suffix.
        var language: SourceLanguage
    }

    /// How far it goes.
    var mode = Mode.link
    /// `-o`, as spelled.
    var output: String?
    /// The sources in order.
    var sources: [Source] = []
    /// Positions of other files: objects and libraries for the linker.
    var linkerInputs: [Int] = []
    /// `-flto` in force.
    var usesLTO = false
    /// `-g` of any kind in force.
    var hasDebugInfo = false

    /// Reads `arguments`, `argv[0]` first, response files expanded.
    init(_ arguments: [String]) {
        var forced: String?
        var index = 1
        while index < arguments.count {
            let argument = arguments[index]
            let next = index + 1 < arguments.count ? arguments[index + 1] : nil
            if argument == "-" || !argument.hasPrefix("-") {
                addFile(argument, at: index, forced: forced)
            } else if argument == "-x" {
                forced = next == "none" ? nil : next
            } else if argument.hasPrefix("-x"), !argument.hasPrefix("-xS") {
                let name = String(argument.dropFirst(2))
                forced = name == "none" ? nil : name
            } else if argument == "-o" || argument == "--output" {
                output = next
            } else if argument.hasPrefix("-o"), !Self.startsWithO.contains(where: argument.hasPrefix) {
                output = String(argument.dropFirst(2))
            } else {
                addFlag(argument)
            }
            index += Self.takesValue(argument) ? 2 : 1
        }
    }

    private mutating func addFile(_ path: String, at index: Int, forced: String?) {
        if let language = Self.language(of: path, forced: forced) {
            sources.append(Source(index: index, path: path, language: language))
        } else {
            linkerInputs.append(index)
        }
    }

    private mutating func addFlag(_ argument: String) {
        switch argument {
        case "-c": if mode == .link { mode = .object }
        case "-S", "-E", "-M", "-MM", "-fsyntax-only", "-###", "--version", "-dumpversion", "-dumpmachine",
            "-emit-llvm", "--precompile", "-emit-ast", "--analyze":
            mode = .noObject
        case "-fno-lto": usesLTO = false
        case "-g0": hasDebugInfo = false
        default:
            if argument.hasPrefix("-print-") || argument.hasPrefix("--print-") { mode = .noObject }
            if argument == "-flto" || argument.hasPrefix("-flto=") { usesLTO = true }
            if Self.asksForDebugInfo(argument) { hasDebugInfo = true }
        }
    }

    private static func asksForDebugInfo(_ argument: String) -> Bool {
        guard argument.hasPrefix("-g"), !argument.hasPrefix("-gno-"), !argument.hasPrefix("-gcc-") else {
            return false
        }
        return argument == "-g" || ["1", "2", "3"].contains(argument.dropFirst(2))
            || argument.hasPrefix("-gdwarf") || argument.hasPrefix("-ggdb") || argument.hasPrefix("-gline")
            || argument.hasPrefix("-gsplit")
    }
}

// MARK: - tables

extension DriverArguments {
    /// Options that begin with `-o` and are no output.
    private static let startsWithO = ["-object", "-output"]

    /// Whether the option's value is the next argument.
    static func takesValue(_ argument: String) -> Bool { separate.contains(argument) }

    private static let separate: Set<String> = [
        "-o", "--output", "-x", "-I", "-L", "-D", "-U", "-A", "-B", "-l", "-b", "-V", "-T", "-u", "-e", "-z", "-h",
        "-F", "-G", "-R", "-include", "-imacros", "-isystem", "-iquote", "-idirafter", "-iprefix", "-iwithprefix",
        "-iwithprefixbefore", "-isysroot", "-imultilib", "-imultiarch", "-iframework", "-cxx-isystem",
        "-include-pch", "-ivfsoverlay", "-MF", "-MT", "-MQ", "-MJ", "-Xlinker", "-Xassembler", "-Xpreprocessor",
        "-Xclang", "-Xopenmp-target", "-mllvm", "-aux-info", "-dumpbase", "-dumpbase-ext", "-dumpdir", "--param",
        "-wrapper", "-arch", "-target", "-gcc-toolchain", "--sysroot", "-framework", "-rpath", "-soname",
        "-working-directory", "-serialize-diagnostics", "--serialize-diagnostics", "-fplugin-arg", "-entry",
        "-Ttext", "-Tdata", "-Tbss", "--entry", "--include", "--define-macro", "--undefine-macro",
        "--include-directory", "--library-directory", "-index-store-path", "-dynamic-linker", "-undefined",
    ]

    /// The language of a file; nil if it is for the linker.
    static func language(of path: String, forced: String?) -> SourceLanguage? {
        if let forced {
            switch forced {
            case "c", "cpp-output", "c-header": return .c
            case "c++", "c++-cpp-output", "c++-header": return .cxx
            case "assembler", "assembler-with-cpp": return .assembly
            default: return .other
            }
        }
        guard let dot = path.lastIndex(of: ".") else { return path == "-" ? .other : nil }
        return suffixes[String(path[path.index(after: dot)...])]
    }

    private static let suffixes: [String: SourceLanguage] = [
        "c": .c, "i": .c, "cc": .cxx, "cp": .cxx, "cxx": .cxx, "cpp": .cxx, "CPP": .cxx, "c++": .cxx, "C": .cxx,
        "ii": .cxx, "s": .assembly, "S": .assembly, "sx": .assembly, "m": .other, "mi": .other, "mm": .other,
        "M": .other, "mii": .other, "f": .other, "for": .other, "ftn": .other, "F": .other, "FOR": .other,
        "fpp": .other, "FPP": .other, "FTN": .other, "f90": .other, "f95": .other, "f03": .other, "f08": .other,
        "F90": .other, "F95": .other, "F03": .other, "F08": .other, "go": .other, "d": .other, "adb": .other,
        "ads": .other, "ll": .other, "bc": .other, "cu": .other, "cl": .other,
    ]

    /// The object that `-c` makes of `source` when no `-o` says otherwise: in the working directory.
    static func defaultObject(for source: String) -> String {
        let name = source.split(separator: "/").last.map(String.init) ?? source
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return name + ".o" }
        return name[..<dot] + ".o"
    }
}
