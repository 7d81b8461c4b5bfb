// What a linker was asked to do: GNU ld, gold, lld and mold share this command line. Long options are taken with
// one dash or two. Source: GNU ld manual, "Command-line Options".

/// A linker's command line, understood.
struct LinkerArguments: Equatable, Sendable {
    /// One input, in order.
    enum Input: Equatable, Sendable {
        /// A file, as spelled.
        case file(String)
        /// `-lNAME`; true where only archives are looked for (`-Bstatic`).
        case library(String, staticOnly: Bool)
        /// A file taken in as data (`-b binary`).
        case data(String)
    }

    /// What is made.
    var kind = LinkKind.executable
    /// `-o`, as spelled; `a.out` by default.
    var output = "a.out"
    /// `-soname`.
    var soname: String?
    /// `-L`, in order.
    var searchPaths: [String] = []
    /// `--sysroot`.
    var sysroot: String?
    /// The inputs in order.
    var inputs: [Input] = []
    /// True for runs that make nothing: `--version`, `-V`, `--help`.
    var makesNothing = false

    private var staticOnly = false
    private var binary = false

    /// Reads `arguments`, `argv[0]` first, response files expanded.
    init(_ arguments: [String]) {
        var index = 1
        while index < arguments.count {
            let argument = arguments[index]
            index += 1
            guard argument.hasPrefix("-"), argument != "-" else {
                inputs.append(binary ? .data(argument) : .file(argument))
                continue
            }
            let name = "-" + argument.drop { $0 == "-" }
            if let value = joined(name) {
                apply(value.option, value.value)
            } else if Self.separate.contains(name) {
                apply(name, index < arguments.count ? arguments[index] : "")
                index += 1
            } else {
                apply(name, nil)
            }
        }
    }

    /// `-Ldir`, `-lname`, `-ofile`, `-soname=x`.
    private func joined(_ name: String) -> (option: String, value: String)? {
        if let equals = name.firstIndex(of: "=") {
            let option = String(name[..<equals])
            if Self.separate.contains(option) || Self.joinedOnly.contains(option) {
                return (option, String(name[name.index(after: equals)...]))
            }
        }
        for short in ["-L", "-l"] where name.hasPrefix(short) && name.count > 2 {
            // `-library-path` is said in full; every other `-l...` is a library.
            if name == "-library" || name == "-library-path" || name == "-lto_library" { return nil }
            return (short, String(name.dropFirst(2)))
        }
        if name.hasPrefix("-o"), name.count > 2,
            !["-oformat", "-output", "-omagic", "-orphan-handling"].contains(name)
        {
            return ("-o", String(name.dropFirst(2)))
        }
        return nil
    }

    private mutating func apply(_ option: String, _ value: String?) {
        switch option {
        case "-o", "-output": output = value ?? output
        case "-h", "-soname": soname = value
        case "-L", "-library-path": if let value { searchPaths.append(value) }
        case "-l", "-library": if let value { inputs.append(.library(value, staticOnly: staticOnly)) }
        case "-sysroot": sysroot = value
        case "-b", "-format": binary = value == "binary"
        case "-r", "-i", "-relocatable", "-Ur": kind = .relocatable
        case "-shared", "-Bshareable": kind = .sharedLibrary
        case "-Bstatic", "-dn", "-non_shared", "-static": staticOnly = true
        case "-Bdynamic", "-dy", "-call_shared": staticOnly = false
        case "-version", "-v", "-V", "-help", "-print-output-format": makesNothing = inputs.isEmpty
        default: break
        }
    }

    private static let joinedOnly: Set<String> = ["-sysroot", "-format"]

    private static let separate: Set<String> = [
        "-o", "-output", "-m", "-L", "-library-path", "-l", "-library", "-e", "-entry", "-h", "-soname", "-rpath",
        "-rpath-link", "-dynamic-linker", "-I", "-T", "-script", "-dT", "-default-script", "-z", "-u",
        "-undefined", "-require-defined", "-plugin", "-plugin-opt", "-Map", "-y", "-trace-symbol", "-A",
        "-architecture", "-b", "-c", "-mri-script", "-F", "-filter", "-f", "-auxiliary", "-G", "-gpsize", "-R",
        "-just-symbols", "-Y", "-defsym", "-version-script", "-dynamic-list", "-export-dynamic-symbol",
        "-export-dynamic-symbol-list", "-init", "-fini", "-a", "-Ttext", "-Tdata", "-Tbss", "-Ttext-segment",
        "-Trodata-segment", "-Tldata-segment", "-wrap", "-hash-size", "-retain-symbols-file", "-section-start",
        "-assert", "-P", "-depaudit", "-audit", "-oformat", "-exclude-libs", "-dependency-file", "-out-implib",
        "-image-base", "-chroot", "-lto_library",
    ]
}
