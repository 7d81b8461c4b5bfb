// The pipeline: stages in order, each looking for its result first.
//
// A stage's key is made from the keys of what it reads, so a result is used again exactly when nothing that it
// depends on has changed. One run at a time works in a build's folder; a second one waits.

import Findings
import Glibc
import Linux

/// What the stages have found so far; later stages read it.
package struct BuildState: Sendable {
    /// What was asked for.
    package var request: BuildRequest
    /// Folder of the cached build.
    package var buildFolder: String
    /// Folder of this patch's stage results and objects.
    package var patchFolder: String
    /// Identifies diff, targets and build; part of the key of every later stage.
    package var key: String
    /// Result of *reproduce*.
    package var build: ReproducedBuild
    /// The link that corresponds to each target, in the targets' order.
    package var targets: [TargetMatch]
    /// Result of *stabilise*.
    package var diff: StabilisedDiff
    /// Result of *compile twice*.
    package var units: CompiledPairs
    /// Where later stages keep their results.
    package var store: StageStore { StageStore(folder: patchFolder) }
}

/// Builds a live patch.
package struct BuildPipeline: Sendable {
    let request: BuildRequest
    private let work: WorkFolder
    private let report: ProgressReport

    /// Takes a request; nothing runs yet.
    ///
    /// - Throws: if the work folder can't be made.
    package init(_ request: BuildRequest, report: @escaping ProgressReport = { _ in }) throws(BuildError) {
        self.request = try request.withAbsolutePaths()
        self.report = report
        work = try WorkFolder(self.request.workFolder)
    }

    /// Runs *reproduce*, *stabilise* and *compile twice*, or takes their results from the work folder.
    ///
    /// `body` runs the stages behind them while the build's folder is still locked.
    package func run<Result>(
        _ body: (BuildState) throws(BuildError) -> Result
    ) throws(BuildError) -> Result {
        // A build takes minutes; what can be refused without one is refused first.
        try request.checkOutput()
        try Stabilisation.checkReadable(request.patches)
        try TargetMatcher.checkReadable(request.targets)
        let reproducer = Reproducer(request, work, report: report)
        let place = try reproducer.place()
        try WorkFolder.make(place.folder)
        let lock = try takeLock(place.folder + "/lock")
        let state = try front(reproducer, place)
        let result = try body(state)
        lock.release()
        return result
    }

    private func front(
        _ reproducer: Reproducer, _ place: Reproducer.Place
    ) throws(BuildError) -> BuildState {
        if request.redoFrom == .reproduce { try place.store.forget(from: .reproduce) }
        try TextExchange(tree: place.copy, folder: place.folder).recover()
        let build = try reproducer.build(place)
        let found = try findTargets(build, place)
        let key = try key(place, build, found.targets.map(\.target))
        let folder = work.patch(key)
        let store = StageStore(folder: folder)
        if let stage = request.redoFrom { try store.forget(from: stage) }
        let diff = try stage(.stabilise, key, store, "applying the diff") { () throws(BuildError) in
            try Stabilisation(tree: build.tree, source: request.source, folder: folder).run(request.patches)
        }
        let units = try stage(.compileTwice, key, store, "finding what the diff reaches") { () throws(BuildError) in
            try compile(diff, found, build, place.folder, folder)
        }
        return BuildState(
            request: request, buildFolder: place.folder, patchFolder: folder, key: key, build: build,
            targets: units.targets, diff: diff, units: units)
    }

    /// The result of a stage: kept from before, or made by `body` and kept.
    package func stage<Value: Codable>(
        _ stage: BuildStage, _ key: String, _ store: StageStore, _ detail: String,
        _ body: () throws(BuildError) -> Value
    ) throws(BuildError) -> Value {
        if let kept = store.load(stage, key: key, as: Value.self) {
            report(BuildProgress(stage, "done before", fraction: 1))
            return kept
        }
        report(BuildProgress(stage, detail, fraction: 0))
        let value = try body()
        try store.save(value, stage, key: key)
        report(BuildProgress(stage, "done", fraction: 1))
        return value
    }

    private func compile(
        _ diff: StabilisedDiff, _ found: FoundTargets, _ build: ReproducedBuild, _ buildFolder: String,
        _ folder: String
    ) throws(BuildError) -> CompiledPairs {
        let search = DiffReach(
            build: build, folder: buildFolder, jobs: request.jobs, report: report,
            looksBeyondTargets: request.package == nil)
        let reach = try search.find(diff, found.targets)
        let reached = found.reached(by: reach)
        // Where compiles are missing, a source that none of the seen ones reads may be in there.
        let isSure = reach.unreached.allSatisfy { ![.source, .header, .other].contains($0.role) }
        let doubtful = isSure ? [] : found.targets.filter { !build.bypassed(in: build.links[$0.link]).isEmpty }
        try checkLinks(reached + doubtful.filter { !reached.contains($0) }, build)
        let notes = try ReachVerdict(build: build, source: request.source).check(reach)
        let compiler = PairCompiler(
            build: build, buildFolder: buildFolder, folder: folder, jobs: request.jobs, report: report)
        return CompiledPairs(
            pairs: try compiler.compile(reach.units, diff), targets: reached, notes: notes,
            shipped: found.outcomes(reached))
    }

    /// Refuses targets whose code can't be known from captured compiles.
    private func checkLinks(_ targets: [TargetMatch], _ build: ReproducedBuild) throws(BuildError) {
        for target in targets {
            let link = build.links[target.link]
            if link.usesLTO {
                throw BuildError(
                    .linkTimeOptimised, "\(target.target) is built with link-time optimisation",
                    evidence: ["target": target.target, "output": link.output])
            }
            let unknown = build.bypassed(in: link)
            guard let first = unknown.first else { continue }
            let names = unknown.prefix(10).map { object in
                object.member.map { "\(object.path)(\($0))" } ?? object.path
            }
            throw BuildError(
                .bypassedCapture, "no compile was seen that made \(first.member ?? BuildPath.name(first.path))",
                evidence: [
                    "target": target.target, "link": link.output, "objects": names.joined(separator: ", "),
                    "count": "\(unknown.count)",
                ])
        }
    }

    /// Identifies diffs, targets and build.
    private func key(
        _ place: Reproducer.Place, _ build: ReproducedBuild, _ targets: [String]
    ) throws(BuildError) -> String {
        var parts = [place.key] + build.tools.map(\.digest)
        for path in request.patches + targets {
            guard let bytes = try? FileSystem.read(path) else {
                throw BuildError(
                    .diffMalformed, "\(path) can't be read", evidence: ["path": path],
                    remedy: "Check --patch and --target.")
            }
            parts.append(ContentDigest.hex(bytes))
        }
        parts += targets
        // A newer builder may see what an older one didn't: it doesn't go on from the other's results.
        if let own = try? FileFacts.of("/proc/self/exe") { parts.append("\(own.size) \(own.modified)") }
        return String(ContentDigest.hex(parts.joined(separator: "\u{0}").utf8).prefix(32))
    }
}

// MARK: - one run at a time

extension BuildPipeline {
    /// A lock that says when it is let go.
    private struct Held: ~Copyable {
        let lock: LockFile
        consuming func release() {}
    }

    private func takeLock(_ path: String) throws(BuildError) -> Held {
        while true {
            let attempt: LockFile.Attempt
            do throws(SystemError) {
                attempt = try LockFile.take(path, as: "tsugite build")
            } catch {
                throw BuildError(error, path: path)
            }
            switch consume attempt {
            case .taken(let lock): return Held(lock: lock)
            case .held(let holder):
                report(BuildProgress(.reproduce, "waiting for \(holder), which works on the same tree"))
                usleep(300_000)
            }
        }
    }
}
