import ELF
import KernelPatcher
import LivePatch

/// Everything in a patch file for a kernel, ready to print.
struct KernelInspectReport: Encodable {
    /// Name of the JSON form.
    var schema = "tsugite.inspect-kernel/1"
    /// The patch's name.
    var name: String
    /// SHA-256 of the file.
    var id: String
    /// In bytes.
    var size: Int
    /// The kernel module's name.
    var module: String
    /// The kernel that it is for.
    var release: String
    /// The exact kernel.
    var buildID: String
    /// Whether it takes the place of all other live patches.
    var replaces: Bool
    /// Whether it is signed for Secure Boot.
    var isSigned: Bool
    /// Advisories that it answers.
    var advisories: [String]
    /// The version whose fixes are all in memory with it; empty if it holds single fixes.
    var effective: String
    /// Digests of the diffs.
    var changes: [String]
    /// What it replaces.
    var targets: [Target]
    /// The source diff.
    var diff: String?

    struct Target: Encodable {
        var name: String
        var buildID: String?
        var functions: [Function]
    }

    struct Function: Encodable {
        var name: String
        /// Which of that name, counted from 1; 0 if the only one.
        var position: Int
        var size: Int
        var originalDigest: String
        /// Bytes that the running kernel may have rewritten itself.
        var mutableBytes: Int
    }

    /// Reads out a patch file.
    init(_ file: KernelPatchFile, includesDiff: Bool) {
        let patch = file.patch
        name = patch.name
        id = file.id.description
        size = file.bytes.count
        module = patch.module
        release = patch.release
        buildID = patch.buildID.description
        replaces = patch.replaces
        isSigned = file.isSigned
        advisories = patch.advisories
        effective = patch.effective
        changes = patch.changes.map(\.description)
        targets = patch.targets.map { target in
            Target(
                name: target.name, buildID: target.buildID?.description,
                functions: target.functions.map { function in
                    Function(
                        name: function.name, position: function.position, size: function.original.count,
                        originalDigest: Digest(of: function.original).description,
                        mutableBytes: function.mutable.reduce(0) { $0 + $1.count })
                })
        }
        diff = includesDiff ? Self.diff(file.bytes) : nil
    }

    private static func diff(_ bytes: [UInt8]) -> String? {
        guard let file = try? ELFFile(ByteView(bytes)), let section = file.section(named: ".tsugite.diff") else {
            return nil
        }
        return (try? file.rawContents(of: section)).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    /// The text form.
    var text: String {
        var lines = ["\(name)  id \(id.prefix(12))  \(size) bytes  kernel module \(module)"]
        lines.append("for \(release)  build-id \(buildID)")
        if !advisories.isEmpty { lines.append("answers \(advisories.joined(separator: ", "))") }
        if !effective.isEmpty { lines.append("brings all fixes of \(effective)") }
        lines.append(replaces ? "takes the place of all other live patches" : "stands beside other live patches")
        lines.append(isSigned ? "signed" : "not signed")
        lines += changes.map { "diff \($0)" }
        for target in targets {
            lines.append("\n\(target.name)" + (target.buildID.map { "  build-id \($0)" } ?? ""))
            for function in target.functions {
                let which = function.position > 1 ? " (number \(function.position) of that name)" : ""
                lines.append(
                    "    \(function.name)\(which)  \(function.size) bytes proven, \(function.mutableBytes) of them "
                        + "the kernel's to change")
            }
        }
        if let diff { lines += ["", diff] }
        return lines.joined(separator: "\n")
    }
}
