// The source tree of a package: unpacked by dpkg-source, all patches of the distribution applied.
//
// With patches left out (`--without-patch`), the tree is the vulnerable one before them: the series without them, and
// without what builds on them. Which later patches do is found out by applying them to a trial copy in order: one
// whose hunks don't fit line for line is left out as well. Then the package's own tool applies what is left, so that
// rules that ask for the series (`quilt pop`) find it in order.

import Findings
import Linux

/// An unpacked source package.
package struct DebianTree: Sendable, Equatable {
    /// Top folder.
    package var path: String
    /// Folder that the tree lies in alone; builds put their packages there.
    package var parent: String { FileSystem.parent(of: path) }
    /// The patches that were left out, in the series' order; real paths.
    package var leftOut: [String]
    /// Later patches of the series that build on those, and so had to be left out with them; real paths.
    package var dependent: [String]
    /// How the patches were left out, for the report.
    package var notes: [String]
}

/// Makes source trees.
struct DebianUnpacker {
    /// Folder of unpacked trees.
    let folder: String
    let report: ProgressReport

    /// The tree of `source` without the patches `names`, made now or before.
    func tree(of source: SourcePackage, without names: [String]) throws(BuildError) -> DebianTree {
        let parts = source.digests.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" } + names
        let key = ContentDigest.hex(parts.joined(separator: "\u{0}").utf8).prefix(16)
        let upstream = source.plainVersion.lastIndex(of: "-").map { String(source.plainVersion[..<$0]) }
        let leaf = "\(source.name)-\(upstream ?? source.plainVersion)"
        let place = "\(folder)/\(source.name)_\(source.plainVersion)-\(key)"
        if !FileFacts.exists(place) {
            let partial = place + ".partial"
            try WorkFolder.remove(partial)
            try WorkFolder.make(partial)
            report(BuildProgress(.reproduce, "unpacking \(source.name) \(source.version)"))
            let way = try make(source, without: names, at: partial + "/" + leaf)
            try WorkFolder.write(Array(way.utf8), to: partial + "/debian-patches.note")
            do throws(SystemError) {
                try FileSystem.rename(partial, to: place)
            } catch {
                throw BuildError(error, path: place)
            }
        }
        let path = place + "/" + leaf
        let series = Self.series(path)
        let left = try names.isEmpty ? [] : Self.matches(names, in: series, source)
        let kept = left.isEmpty ? series : Self.entries(path + "/debian/patches/series") ?? []
        let dependent = series.filter { !left.contains($0) && !kept.contains($0) }
        let way = (try? FileSystem.readText(place + "/debian-patches.note")) ?? ""
        func real(_ names: [String]) -> [String] { names.map { path + "/debian/patches/" + $0 } }
        return DebianTree(
            path: path, leftOut: real(left), dependent: real(dependent), notes: way.isEmpty ? [] : [way])
    }

    private func make(
        _ source: SourcePackage, without names: [String], at path: String
    ) throws(BuildError) -> String {
        try unpack(source, to: path, skippingPatches: false)
        guard !names.isEmpty else { return "" }
        guard source.isQuilt else {
            throw BuildError(
                .debianSource, "\(source.name) keeps no series of patches that could be left out",
                evidence: ["format": source.format], remedy: "Leave out --without-patch.")
        }
        let series = Self.series(path)
        let left = try Self.matches(names, in: series, source)
        // The trial.
        try WorkFolder.remove(path)
        try unpack(source, to: path, skippingPatches: true)
        var kept: [String] = []
        var dependent: [String] = []
        for name in series where !left.contains(name) {
            if try patch(path, name) {
                kept.append(name)
            } else if dependent.isEmpty, series.prefix(while: { $0 != left[0] }).contains(name) {
                throw BuildError(
                    .debianSource, "patch \(name) of \(source.name) doesn't apply", evidence: ["patch": name])
            } else {
                dependent.append(name)
            }
        }
        try WorkFolder.remove(path)
        try unpack(source, to: path, skippingPatches: true)
        // The build must not apply what was left out; the whole list stays beside the real one.
        try WorkFolder.write(Self.text(series), to: path + "/debian/patches/series.full")
        try WorkFolder.write(Self.text(kept), to: path + "/debian/patches/series")
        let result = try run("dpkg-source", ["--before-build", path])
        guard result.succeeded else {
            throw BuildError(
                .debianSource, "the rest of \(source.name)'s patches can't be applied",
                evidence: ["path": path, "dpkg-source": String(result.errorText.suffix(600))])
        }
        try keepApplied(path)
        let also =
            dependent.isEmpty ? "" : "; left out because they build on it: \(dependent.joined(separator: ", "))"
        return "left out, the rest of the series applied: \(left.joined(separator: ", "))\(also)"
    }

    private static func text(_ names: [String]) -> [UInt8] { Array(names.map { $0 + "\n" }.joined().utf8) }

    /// Names in the series, in order.
    private static func series(_ path: String) -> [String] {
        entries(path + "/debian/patches/series.full") ?? entries(path + "/debian/patches/series") ?? []
    }

    private static func entries(_ file: String) -> [String]? {
        (try? FileSystem.readText(file))?.split(separator: "\n").compactMap { line in
            let word = line.split { $0 == " " || $0 == "\t" }.first.map(String.init)
            return word.flatMap { $0.hasPrefix("#") ? nil : $0 }
        }
    }

    /// The patches that `names` mean: path in the series, file name, or file name without suffix.
    private static func matches(
        _ names: [String], in series: [String], _ source: SourcePackage
    ) throws(BuildError) -> [String] {
        var found: Set<String> = []
        for name in names {
            let wanted = name.hasPrefix("debian/patches/") ? String(name.dropFirst(15)) : name
            let hits = series.filter { entry in
                let leaf = BuildPath.name(entry)
                return entry == wanted || leaf == wanted || leaf == wanted + ".patch" || leaf == wanted + ".diff"
            }
            guard hits.count == 1, let hit = hits.first else {
                throw BuildError(
                    .debianSource, "\(source.name) \(source.version) has no patch \(name) in its series",
                    evidence: [
                        "patch": name, "version": source.version,
                        "series": series.suffix(12).joined(separator: ", "),
                    ],
                    remedy: "Name it as debian/patches/series does; another version may hold it: "
                        + "--debian \(source.name)=VERSION.")
            }
            found.insert(hit)
        }
        return series.filter(found.contains)
    }
}

// MARK: - tools

extension DebianUnpacker {
    private func unpack(
        _ source: SourcePackage, to path: String, skippingPatches: Bool
    ) throws(BuildError) {
        var arguments = ["--no-check", "--no-copy", "-x"]
        if skippingPatches { arguments.insert("--skip-patches", at: 0) }
        let result = try run("dpkg-source", arguments + [source.path, path])
        guard result.succeeded else {
            throw BuildError(
                result.errorText.contains("No space left") ? .noSpace : .debianSource,
                "\(source.name) \(source.version) can't be unpacked",
                evidence: ["path": path, "dpkg-source": String(result.errorText.suffix(600))])
        }
    }

    /// Makes the tree one that was unpacked with its patches.
    ///
    /// What was applied by `--before-build` a build takes out again behind itself: the source that a diff names would
    /// then not be what was compiled.
    private func keepApplied(_ path: String) throws(BuildError) {
        let marker = path + "/.pc/.dpkg-source-unapply"
        do throws(SystemError) {
            try FileSystem.remove(marker)
        } catch {
            // Where nothing was left to apply there is none.
            guard error.errno == .noSuchFile else { throw BuildError(error, path: marker) }
        }
    }

    /// Applies one patch of the series, line for line, or not at all.
    private func patch(_ path: String, _ name: String) throws(BuildError) -> Bool {
        let arguments = [
            "-N", "-p1", "-F0", "-s", "-f", "-E", "-u", "--no-backup-if-mismatch", "-r", "-", "-d", path, "-i",
            "\(path)/debian/patches/\(name)",
        ]
        guard try run("patch", ["--dry-run"] + arguments).succeeded else { return false }
        return try run("patch", arguments).succeeded
    }

    private func run(_ program: String, _ arguments: [String]) throws(BuildError) -> CommandResult {
        do throws(SystemError) {
            return try Command(program, arguments, timeout: .seconds(900)).run()
        } catch {
            throw BuildError(
                .debianTools, "\(program) can't be run", evidence: ["program": program, "errno": error.errno.name])
        }
    }
}
