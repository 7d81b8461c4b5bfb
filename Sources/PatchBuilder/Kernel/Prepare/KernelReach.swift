// Which source files of the kernel does a diff reach?
//
// An edited `.c` reaches itself, unless other sources include it (kernel/sched does that). An edited header reaches
// every source that includes it, directly or through other headers; that can be most of the kernel, although
// nearly all of those objects come out as they were. So headers are followed by what they define: a source counts
// only if it mentions a name whose definition the diff touches, or a name of a header that uses such a name.
// A source can't depend on an edited definition without one of these words in it.
//
// Files of other architectures, tools and documents aren't part of this kernel.

import Findings
import Linux

struct KernelReach {
    /// Top folder of the source.
    let source: String
    /// Folder of what is kept about the tree.
    let cache: String
    /// The most sources that a fix may reach; beyond it the diff is refused.
    var limit = 120

    /// What a diff reaches.
    struct Result: Equatable, Sendable {
        /// Sources to compile, relative to the tree, sorted.
        var sources: [String] = []
        /// What the reader of the report should know.
        var notes: [String] = []
        /// Why it's too much to be built; then `sources` are only the edited ones.
        var tooWide: BuildError?
    }

    /// Finds the sources.
    func find(_ diff: StabilisedDiff) throws(BuildError) -> Result {
        var result = Result()
        var direct: Set<String> = []
        var headers: [StabilisedFile] = []
        for file in diff.files {
            switch try Self.place(of: file) {
            case .elsewhere(let why): result.notes.append("\(file.path): \(why)")
            case .source: direct.insert(file.path)
            case .header: headers.append(file)
            }
        }
        var sources: Set<String> = []
        for path in direct.sorted() {
            let users = try IncludeIndex(source: source, folder: cache).includers(ofSource: path).filter { user in
                !Self.separateImages.contains(where: user.hasPrefix)
            }
            // Most sources that others include aren't compiled by themselves.
            if users.isEmpty || isCompiled(path) { sources.insert(path) }
            guard !users.isEmpty else { continue }
            sources.formUnion(users)
            result.notes.append("\(path) is included by \(users.sorted().joined(separator: ", "))")
        }
        if !headers.isEmpty { sources.formUnion(try reached(through: headers)) }
        if sources.count > limit {
            result.tooWide = BuildError(
                .kernelRefused, "the diff reaches \(sources.count) files of the kernel",
                evidence: [
                    "headers": headers.map(\.path).joined(separator: ", "), "limit": "\(limit)",
                ], remedy: "Make the fix in the sources that need it, and leave the shared header as it is.")
            sources = direct.filter(isCompiled)
        }
        if sources.isEmpty, result.tooWide == nil {
            throw BuildError(
                .kernelNothing, "the diff changes no source of this kernel",
                evidence: ["files": diff.files.map(\.path).joined(separator: ", ")])
        }
        result.sources = sources.sorted()
        return result
    }

    private enum Place {
        case source
        case header
        case elsewhere(String)
    }

    private static let otherFolders = [
        "Documentation/", "tools/", "samples/", "scripts/", "usr/", "certs/", "LICENSES/",
    ]
    private static let separateImages = [
        "arch/x86/boot/", "arch/x86/entry/vdso/", "arch/x86/realmode/", "arch/x86/purgatory/",
    ]

    private static func place(of file: StabilisedFile) throws(BuildError) -> Place {
        let path = file.path
        if otherFolders.contains(where: path.hasPrefix) { return .elsewhere("not part of the kernel") }
        if path.hasPrefix("arch/"), !path.hasPrefix("arch/x86/") { return .elsewhere("of another architecture") }
        if let folder = separateImages.first(where: path.hasPrefix) {
            throw BuildError(
                .kernelRefused, "the diff changes \(path), which isn't code of the running kernel",
                evidence: ["file": path, "reason": "\(folder) makes an image of its own"])
        }
        if path.hasSuffix(".S") {
            throw BuildError(.assembly, "the diff changes the assembly file \(path)", evidence: ["file": path])
        }
        if path.hasSuffix(".h") { return .header }
        guard path.hasSuffix(".c") else { return .elsewhere("no source") }
        return file.change == .removed ? .elsewhere("removed; the running kernel keeps its code") : .source
    }
}

// MARK: - who includes what

extension KernelReach {
    /// Whether the makefile beside a source has a rule for its object.
    private func isCompiled(_ path: String) -> Bool {
        let folder = FileSystem.parent(of: path)
        let object = String(BuildPath.name(path).dropLast(2)) + ".o"
        return ["Makefile", "Kbuild"].contains { name in
            let text = (try? FileSystem.readText("\(source)/\(folder)/\(name)")) ?? ""
            return text.split { $0.isWhitespace || $0 == "=" || $0 == "/" }.contains { $0 == object }
        }
    }

    private func reached(through headers: [StabilisedFile]) throws(BuildError) -> Set<String> {
        var touched: [String: Set<String>] = [:]
        for header in headers {
            let before = (try? FileSystem.readText("\(source)/\(header.oldPath ?? header.path)")) ?? ""
            let after = header.postFile.isEmpty ? "" : (try? FileSystem.readText(header.postFile)) ?? ""
            let names = HeaderNames.touched(before, after)
            for path in [header.path, header.oldPath].compactMap(\.self) {
                touched[path, default: []].formUnion(names)
            }
        }
        var spread = NameSpread(touched, try IncludeIndex(source: source, folder: cache).graph()) { path in
            try? FileSystem.read("\(source)/\(path)")
        }
        return spread.run()
    }
}
