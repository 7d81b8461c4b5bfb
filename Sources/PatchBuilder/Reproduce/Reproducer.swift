// The first stage: build the unpatched tree once, with everybody watching, and keep the result.
//
// The build runs in a copy, seen at the path of the original (``Sandbox``). Its key is the digest of the tree, the
// command, the variables and the path; under the same key a second diff finds everything built. What the key
// can't hold are the compilers, which are only known afterwards: their digests are in the result and are
// checked before it is used again.

import Findings
import Linux

struct Reproducer {
    private let request: BuildRequest
    private let work: WorkFolder
    private let report: ProgressReport

    init(_ request: BuildRequest, _ work: WorkFolder, report: @escaping ProgressReport) {
        self.request = request
        self.work = work
        self.report = report
    }

    /// What identifies a build, and the folder where it is kept.
    struct Place: Sendable {
        var key: String
        var folder: String
        var sourceDigest: String
        var command: String
        var tree: SourceTree
        /// The copy of the tree.
        var copy: String { folder + "/tree" }
        /// The packages that the build made, unpacked.
        var packages: StagedPackages { StagedPackages(folder + "/packages") }
        /// The build's output.
        var log: String { folder + "/build.log" }
        var store: StageStore { StageStore(folder: folder) }
        /// Remembers when the build was last of use, for `tsugite cache`.
        func markUsed() { try? WorkFolder.write(Array((tree.root + "\n").utf8), to: folder + "/used") }
    }

    /// Where the build for this request is kept, whether it is there or not.
    func place() throws(BuildError) -> Place {
        report(BuildProgress(.reproduce, "reading \(request.source)"))
        if (work.path + "/").hasPrefix(request.source + "/") {
            throw BuildError(
                .workFolder, "the work folder lies inside the source tree", evidence: ["work": work.path],
                remedy: "Give a folder outside the tree with --work DIR.")
        }
        let tree = try SourceTree(request.source)
        guard let command = request.buildCommand ?? BuildCommand.guess(root: request.source, jobs: request.jobs)
        else {
            throw BuildError(
                .buildCommandUnknown, "no build command is known for this tree",
                evidence: ["source": request.source])
        }
        let digest = try sourceDigest(of: tree)
        let parts = [digest, command, request.buildPath ?? request.source] + BuildCommand.keyVariables()
        let key = String(ContentDigest.hex(parts.joined(separator: "\u{0}").utf8).prefix(32))
        return Place(
            key: key, folder: work.build(key), sourceDigest: digest, command: command, tree: tree)
    }

    /// The build for `place`: from the cache, or made now.
    ///
    /// The caller holds the folder's lock.
    func build(_ place: Place) throws(BuildError) -> ReproducedBuild {
        if let cached = place.store.load(.reproduce, key: place.key, as: ReproducedBuild.self),
            cached.isConsistent, FileFacts.exists(place.copy), cached.tools.allSatisfy(Tools.isUnchanged),
            request.package == nil || FileFacts.exists(place.packages.folder)
        {
            place.markUsed()
            report(BuildProgress(.reproduce, "using the build of this tree made before", fraction: 1))
            return cached
        }
        try WorkFolder.make(place.folder)
        try WorkFolder.remove(place.folder + "/links")
        try WorkFolder.remove(place.folder + "/includes")
        try WorkFolder.remove(place.copy)
        try place.store.forget(from: .reproduce)
        report(BuildProgress(.reproduce, "copying the tree"))
        try TreeCopy.make(of: place.tree, at: place.copy)
        do throws(BuildError) {
            return try buildCopy(place)
        } catch {
            try? cleanProducts()
            // What is left of the tree is of no use to anybody; the log is.
            try? WorkFolder.remove(place.copy)
            try? WorkFolder.remove(place.folder + "/links")
            throw error
        }
    }

    private func buildCopy(_ place: Place) throws(BuildError) -> ReproducedBuild {
        let removed = try TreeCopy.removeProducts(place.tree, from: place.copy)
        let sandbox = Sandbox.choose(seen: request.buildPath ?? request.source, copy: place.copy)
        if let wanted = request.buildPath, sandbox.tree.seen != wanted {
            throw BuildError(
                .workFolder, "the tree can't be mounted at \(wanted)", evidence: ["path": wanted],
                remedy: "Make that folder (mkdir -p), and run as root or where user namespaces are allowed.")
        }
        try WorkFolder.make(place.folder + "/links")
        try cleanProducts()
        let log = try run(place, sandbox, removed: removed)
        report(BuildProgress(.reproduce, "sorting out what was built"))
        if let package = request.package {
            try place.packages.take(from: package.products, keeping: BuildPath.name(request.source))
        }
        let graph = Survivors(place: place, tree: sandbox.tree).graph(of: log)
        if graph.links.isEmpty { throw nothingLinked(place, log, removed) }
        try Survivors.removeUnused(graph.links, in: place.folder + "/links")
        let result = ReproducedBuild(
            tree: sandbox.tree, buildCommand: place.command, sourceDigest: place.sourceDigest,
            tools: Tools.identities(of: log), compiles: graph.compiles.map(Tools.withCallName), links: graph.links,
            removedBeforeBuild: removed, log: place.log)
        try place.store.save(result, .reproduce, key: place.key)
        place.markUsed()
        return result
    }

    /// Removes packages that an interrupted build has left.
    private func cleanProducts() throws(BuildError) {
        guard let package = request.package else { return }
        try StagedPackages.clean(package.products, keeping: BuildPath.name(request.source))
    }

    private func nothingLinked(_ place: Place, _ log: CaptureLog, _ removed: [String]) -> BuildError {
        BuildError(
            .bypassedCapture, "the build succeeded, but linked nothing that was seen",
            evidence: [
                "build command": place.command, "compiles and other tools seen": "\(log.processes.count)",
                "removed products of an earlier build": removed.prefix(5).joined(separator: ", "),
                "log": place.log,
            ])
    }
}

// MARK: - running

extension Reproducer {
    private func run(
        _ place: Place, _ sandbox: Sandbox, removed: [String]
    ) throws(BuildError) -> CaptureLog {
        let started = try startTime(place.log)
        var session = CaptureSession(tree: sandbox.tree, startedAt: started, snapshots: place.folder + "/links")
        let report = report
        session.onCompile = { report(BuildProgress(.reproduce, "compiling \($0)")) }
        let passing = PassingSources(tree: sandbox.tree, source: request.source, folder: place.folder + "/passing")
        session.onSource = { passing.keep($0) }
        var failure: SystemError?
        let status: WaitStatus
        do throws(SystemError) {
            let output = try OwnedDescriptor.open(place.log, [.writeOnly, .create, .truncate, .append])
            var tracer = ProcessTreeTracer(
                sandbox.command(
                    ["/bin/sh", "-c", place.command], directory: sandbox.tree.seen,
                    environment: BuildCommand.environment()))
            tracer.output = output.rawValue
            tracer.error = output.rawValue
            tracer.stopsAtEnd = true
            tracer.leftovers = .kill
            status = try tracer.run { event in
                do throws(SystemError) {
                    try session.handle(event)
                } catch {
                    failure = failure ?? error
                }
            }
        } catch {
            throw BuildError(error, path: place.log)
        }
        if let failure { throw BuildError(failure, path: place.folder) }
        guard status == .exited(code: 0) else { throw failed(place, status, removed) }
        try passing.bringBack()
        return session.log
    }

    /// The moment when the build begins, by the clock of the file system that the objects will lie on.
    private func startTime(_ log: String) throws(BuildError) -> UInt64 {
        try WorkFolder.write([], to: log)
        do throws(SystemError) {
            return try FileFacts.of(log).modified
        } catch {
            throw BuildError(error, path: log)
        }
    }

    private func failed(_ place: Place, _ status: WaitStatus, _ removed: [String]) -> BuildError {
        let text =
            (try? FileSystem.read(place.log)).map { String(decoding: $0.suffix(16_384), as: UTF8.self) } ?? ""
        let free = (try? FileSystem.freeBytes(at: place.folder)) ?? .max
        if free < 1 << 20 || text.contains("No space left on device") {
            return BuildError(
                .noSpace, "the build ran out of space", evidence: ["path": place.folder, "log": place.log])
        }
        let lines = text.split(separator: "\n").suffix(20).joined(separator: "\n    ")
        var error = BuildError(
            .buildFailed, "the unpatched source tree doesn't build",
            evidence: [
                "build command": place.command, "status": Self.describe(status), "last lines": "\n    " + lines,
                "log": place.log,
            ])
        if !removed.isEmpty {
            error = error.adding(
                "products of an earlier build, left out of the copy", removed.prefix(5).joined(separator: ", "))
        }
        return error
    }

    static func describe(_ status: WaitStatus) -> String {
        switch status {
        case .exited(let code): "exit \(code)"
        case .killed(let signal, _): "killed by signal \(signal.rawValue)"
        default: "\(status)"
        }
    }

    /// The digest of the source tree, from the notes of the last run if no file was touched since.
    private func sourceDigest(of tree: SourceTree) throws(BuildError) -> String {
        let folder = work.path + "/sources"
        let note = folder + "/" + ContentDigest.hex(tree.root.utf8).prefix(32)
        let fingerprint = tree.fingerprint()
        if let text = try? FileSystem.readText(note) {
            let words = text.split(separator: " ")
            if words.count == 2, words[0] == fingerprint { return String(words[1]) }
        }
        report(BuildProgress(.reproduce, "taking the digest of \(tree.entries.count) files"))
        let digest = try tree.contentDigest()
        try WorkFolder.make(folder)
        try WorkFolder.write(Array("\(fingerprint) \(digest)".utf8), to: note)
        return digest
    }
}
