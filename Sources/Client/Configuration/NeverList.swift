import Findings
import Glibc
import Linux

/// What must never be touched: processes and libraries, by regular expression.
///
/// Files `*.conf` in a folder, with sections `[executables]` and `[targets]` and one extended regular expression on a
/// line (regex(7)), compared with the path of the program or library.
public struct NeverList: Sendable, Equatable {
    /// Programs whose processes are left alone.
    public var executables: [String] = []
    /// Libraries and programs that are never replaced, by path.
    public var targets: [String] = []

    /// Nothing is forbidden.
    public init() {}

    /// Reads all files of a folder; a folder that isn't there forbids nothing.
    /// - Throws: `CLI-CONFIG` for a line that is no regular expression, because what it should protect is unknown.
    public static func load(_ folder: String) throws(ClientError) -> NeverList {
        guard FileFacts.exists(folder) else { return NeverList() }
        var list = NeverList()
        let entries = try asClient { () throws(SystemError) in try Directory.entries(of: folder) }
        for name in entries.map(\.name).sorted() where name.hasSuffix(".conf") {
            let path = "\(folder)/\(name)"
            try list.add(try asClient { () throws(SystemError) in try FileSystem.readText(path) }, file: path)
        }
        return list
    }

    /// Adds the lines of one file.
    mutating func add(_ text: String, file: String) throws(ClientError) {
        var section = ""
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = raw.trimmed()
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("[") {
                section = String(line)
                continue
            }
            let pattern = String(line)
            guard section == "[executables]" || section == "[targets]", RegularExpression(pattern) != nil else {
                throw ClientError(
                    .clientConfiguration,
                    "\(file), line \(index + 1): \"\(pattern)\" is no regular expression below [executables] or [targets]",
                    ["file": file, "line": "\(index + 1)"], remedy: "Correct line \(index + 1) of \(file).")
            }
            if section == "[executables]" { executables.append(pattern) } else { targets.append(pattern) }
        }
    }

    /// The line that forbids a process, if one does.
    public func forbids(executable path: String) -> String? {
        executables.first { RegularExpression($0)?.matches(path) == true }
    }

    /// The line that forbids a library or program, if one does.
    public func forbids(target path: String) -> String? {
        targets.first { RegularExpression($0)?.matches(path) == true }
    }
}

/// An extended regular expression of POSIX, see regex(3).
///
/// Safe: the compiled structure never leaves this class.
@safe final class RegularExpression {
    // Compiled in `init`, freed in `deinit`, used by one thread.
    private var compiled = unsafe regex_t()
    private let isCompiled: Bool

    init?(_ pattern: String) {
        // regcomp fills the structure that this object owns; it reads a terminated text.
        isCompiled = unsafe regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) == 0
        guard isCompiled else { return nil }
    }

    deinit {
        // A structure that regcomp(3) refused must not be freed.
        if isCompiled { unsafe regfree(&compiled) }
    }

    func matches(_ text: String) -> Bool {
        // The structure was compiled by `init`; no places of matches are asked for.
        unsafe regexec(&compiled, text, 0, nil, 0) == 0
    }
}

extension Substring {
    /// Without blanks at both ends.
    func trimmed() -> Substring {
        var text = drop { $0 == " " || $0 == "\t" || $0 == "\r" }
        while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
        return text
    }
}
