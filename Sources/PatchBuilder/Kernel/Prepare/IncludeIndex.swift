// Who includes what, for a whole kernel tree.
//
// The tree is searched once for `#include` lines and the answer kept beside the build, because a search takes
// seconds and a header is followed through several levels. Which file is meant by a name is decided as the compiler
// does where that is certain: the including file's own folder for names in quotes, then the kernel's own include
// folders. Names that neither has come from folders that some makefile adds, and are matched by the end of the path:
// then a few files too many are looked at, never one too few.

import Linux

struct IncludeIndex {
    /// Top folder of the source.
    let source: String
    /// Folder of the kept answers.
    let folder: String

    /// Folders whose files can be part of this kernel.
    private static let searched = [
        "arch/x86", "block", "crypto", "drivers", "fs", "include", "init", "io_uring", "ipc", "kernel", "lib", "mm",
        "net", "rust", "security", "sound", "virt",
    ]

    /// One `#include` line.
    private struct Line {
        let file: Substring
        let name: Substring
        let isQuoted: Bool
    }

    /// Sources that include the source at a path; relative paths.
    func includers(ofSource path: String) throws(BuildError) -> Set<String> {
        var found: Set<String> = []
        for line in try lines("sources", pattern: "\\.c[\">]") where isMeant(line, path) {
            found.insert(String(line.file))
        }
        return found.filter { $0.hasSuffix(".c") }
    }

    /// Who includes which header.
    func graph() throws(BuildError) -> IncludeGraph {
        var lines: [Substring: [Line]] = [:]
        for line in try self.lines("headers", pattern: "\\.h[\">]") {
            lines[line.name.split(separator: "/").last ?? line.name, default: []].append(line)
        }
        return IncludeGraph { path in
            (lines[Substring(BuildPath.name(path))] ?? []).filter { isMeant($0, path) }.map { String($0.file) }
        }
    }

    /// Whether a line can mean the file at a path.
    private func isMeant(_ line: Line, _ path: String) -> Bool {
        let local = BuildPath.absolute(String(line.name), in: "/" + FileSystem.parent(of: String(line.file)))
        if local == "/" + path { return true }
        if line.name.contains("../") || path.hasSuffix(".c") { return false }
        if line.isQuoted, FileFacts.exists(source + local) { return false }
        let plain = String(BuildPath.absolute(String(line.name), in: "/").dropFirst())
        for folder in Self.includeFolders {
            if path == "\(folder)/\(plain)" { return true }
            if FileFacts.exists("\(source)/\(folder)/\(plain)") { return false }
        }
        // A header that the architecture doesn't have is generated from the generic one.
        if plain.hasPrefix("asm/") { return path == "include/asm-generic/" + plain.dropFirst(4) }
        return path == plain || path.hasSuffix("/" + plain)
    }

    /// Where every compile line of the kernel looks, in order (LINUXINCLUDE in the top makefile).
    private static let includeFolders = [
        "arch/x86/include", "include", "arch/x86/include/uapi", "include/uapi",
    ]

    /// The kept lines of one kind, `file:#include "name"`.
    private func lines(_ kind: String, pattern: String) throws(BuildError) -> [Line] {
        let path = "\(folder)/includes-\(kind)"
        if !FileFacts.exists(path) { try search(pattern, into: path) }
        let text = String(decoding: try WorkFolder.read(path), as: UTF8.self)
        return text.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let open = parts[1].firstIndex(where: { $0 == "<" || $0 == "\"" }) else {
                return nil
            }
            let rest = parts[1][parts[1].index(after: open)...]
            return Line(
                file: parts[0], name: rest.prefix { $0 != ">" && $0 != "\"" }, isQuoted: parts[1][open] == "\"")
        }
    }

    private func search(_ pattern: String, into path: String) throws(BuildError) {
        let folders = Self.searched.filter { FileFacts.exists("\(source)/\($0)") }
        let start = "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"][^>\"]*"
        let result: CommandResult
        do throws(SystemError) {
            result = try Command(
                "grep", ["-rHoE", "--include=*.[ch]", start + pattern, "--"] + folders,
                environment: KernelTree.environment, directory: source
            ).run()
        } catch {
            throw BuildError(error, path: "grep")
        }
        try WorkFolder.write(result.output, to: path)
    }
}

/// Who includes which header, through others too; each header is looked up once.
final class IncludeGraph {
    private let lookUp: (String) -> [String]
    private var direct: [String: [String]] = [:]

    /// Takes what answers the files that include a header themselves.
    init(_ lookUp: @escaping (String) -> [String]) { self.lookUp = lookUp }

    /// All files that include one of the headers, directly or through others; the headers themselves too.
    func reached(from headers: Set<String>) -> Set<String> {
        var known = headers
        var open = Array(headers)
        while let path = open.popLast() {
            for file in includers(path) where known.insert(file).inserted && file.hasSuffix(".h") {
                open.append(file)
            }
        }
        return known
    }

    private func includers(_ path: String) -> [String] {
        if let known = direct[path] { return known }
        let found = lookUp(path)
        direct[path] = found
        return found
    }
}
