// What a file is, told from its path alone. The compile commands have the last word on sources and headers:
// the role only decides about files that no translation unit is found to include.

extension FileRole {
    /// The role of a file at `path`, relative to the tree.
    package init(path: String) {
        let parts = path.split(separator: "/").map(String.init)
        let name = parts.last ?? path
        let lower = name.lowercased()
        let suffix = lower.lastIndex(of: ".").map { String(lower[lower.index(after: $0)...]) } ?? ""
        let folders = Set(parts.dropLast().map { $0.lowercased() })
        self = Self.byName(lower) ?? Self.bySuffix(suffix, name: name) ?? .other
        // Sources below a folder of tests or examples are not what is shipped, unless a link says otherwise.
        if self == .source || self == .header || self == .other || self == .buildSystem,
            !folders.isDisjoint(with: Self.testFolders)
        {
            self = .test
        } else if self == .other, !folders.isDisjoint(with: Self.documentFolders) {
            self = .document
        }
    }

    private static let testFolders: Set<String> = ["test", "tests", "testing", "testsuite", "t", "unittests"]
    private static let documentFolders: Set<String> = ["doc", "docs", "man", "po", "debian", ".github"]

    private static func byName(_ lower: String) -> FileRole? {
        if buildNames.contains(lower) || lower.hasPrefix("makefile") || lower.hasPrefix("gnumakefile") {
            return .buildSystem
        }
        for prefix in documentNames
        where lower == prefix || lower.hasPrefix(prefix + ".") || lower.hasPrefix(prefix + "-") {
            return .document
        }
        return nil
    }

    private static let documentNames = [
        "changelog", "changes", "news", "readme", "copying", "license", "authors", "todo", "install",
    ]

    private static let buildNames: Set<String> = [
        "configure", "configure.ac", "configure.in", "cmakelists.txt", "meson.build", "meson_options.txt",
        "meson.options", "aclocal.m4", "ltmain.sh", "config.guess", "config.sub", "build.ninja", "kbuild",
    ]

    private static func bySuffix(_ suffix: String, name: String) -> FileRole? {
        switch suffix {
        case "c", "cc", "cp", "cxx", "cpp", "c++", "ii", "i", "m", "mm": return .source
        case "h", "hh", "hp", "hxx", "hpp", "h++", "inc", "inl", "ipp", "tcc", "def", "tbl": return .header
        // `.S` goes through the preprocessor, `.s` doesn't; both are machine code by hand.
        case "s", "sx", "asm", "nasm": return .assembly
        case "y", "yy", "l", "ll", "in", "gperf", "rl", "re", "tmpl", "pl", "awk", "xsl": return .generator
        // Shell scripts that write a file each, as Perl's config_h.SH.
        case "sh" where name.hasSuffix(".SH"): return .generator
        case "mk", "am", "ac", "cmake", "m4", "gyp", "gn", "bazel": return .buildSystem
        case "md", "rst", "txt", "xml", "html", "texi", "texinfo", "tex", "pod", "adoc", "po", "pot", "css",
            "1", "2", "3", "4", "5", "6", "7", "8", "svg", "png":
            return .document
        default: return nil
        }
    }
}
