// Which shipped files are the targets: the ones that the author named, or every ELF file of a package's build.
// Of a package's files only those that the diff reaches go on; the others are named in the report.

import Findings
import Linux

/// The targets of a request once the build is known.
struct FoundTargets {
    /// Each with the link that made its counterpart.
    var targets: [TargetMatch]
    /// Of a package build: all shipped files, each with its place among ``targets``.
    var shipped: [(file: ShippedFile, target: Int?)]?

    /// The targets with code that the diff reaches; all of them if the author named them.
    func reached(by reach: DiffReach.Result) -> [TargetMatch] {
        guard shipped != nil else { return targets }
        let links = Set(reach.units.flatMap(\.links))
        return targets.filter { links.contains($0.link) }
    }

    /// What became of each shipped file.
    func outcomes(_ reached: [TargetMatch]) -> [ShippedOutcome]? {
        shipped?.map { entry in
            let match = entry.target.map { targets[$0] }
            return ShippedOutcome(
                place: entry.file.place, package: entry.file.package,
                isReached: match.map(reached.contains) ?? false,
                match: match.map { $0.reason == .buildID ? "same-build-id" : "rebuilt" } ?? "unknown")
        }
    }
}

extension BuildPipeline {
    /// Finds the links that made the targets.
    func findTargets(_ build: ReproducedBuild, _ place: Reproducer.Place) throws(BuildError) -> FoundTargets {
        let matcher = TargetMatcher(build: build)
        guard let package = request.package else {
            return FoundTargets(targets: try matcher.match(request.targets))
        }
        let files = package.shipped ?? place.packages.images()
        var found = FoundTargets(targets: [], shipped: [])
        for (file, match) in zip(files, matcher.match(files, staged: place.packages)) {
            guard let match else {
                found.shipped?.append((file, nil))
                continue
            }
            // One file may be shipped under several names (hard links).
            if let known = found.targets.firstIndex(where: { isSameFile($0.target, match.target, $0, match) }) {
                found.shipped?.append((file, known))
            } else {
                found.shipped?.append((file, found.targets.count))
                found.targets.append(match)
            }
        }
        guard !found.targets.isEmpty else {
            throw BuildError(
                .targetUnknown, "none of the package's shipped files was built here",
                evidence: ["shipped files": "\(files.count)", "log": place.log],
                remedy: "See the log; the version may have been built another way.")
        }
        return found
    }

    private func isSameFile(_ one: String, _ other: String, _ left: TargetMatch, _ right: TargetMatch) -> Bool {
        guard left.link == right.link, let first = try? FileSystem.read(one),
            let second = try? FileSystem.read(other)
        else { return false }
        return first == second
    }
}

extension BuildRequest {
    /// Refuses an output that can't be written, before anything takes time.
    func checkOutput() throws(BuildError) {
        let folder = FileSystem.parent(of: output)
        guard let facts = try? FileFacts.of(folder), facts.isDirectory else {
            throw BuildError(
                .outputFolder, "the folder of \(output) isn't there", evidence: ["folder": folder],
                remedy: "Make it first: mkdir -p \(folder)")
        }
        let existing = try? FileFacts.of(output)
        if package == nil, existing?.isDirectory == true {
            throw BuildError(
                .outputFolder, "\(output) is a folder", evidence: ["path": output],
                remedy: "Name a file in it: -o \(output)/NAME.tsp")
        }
        // A name of its own: several runs may try the same folder at the same time.
        let own = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        let probe = "\(existing?.isDirectory == true ? output : folder)/.tsugite-\(own)"
        do throws(SystemError) {
            try FileSystem.replace(probe, with: [])
            try FileSystem.remove(probe)
        } catch {
            throw BuildError(
                .outputFolder, "\(output) can't be written: \(error.errno)",
                evidence: ["path": output, "errno": error.errno.name])
        }
    }
}
