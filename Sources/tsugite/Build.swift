import ArgumentParser
import Console
import Findings
import Glibc
import KernelPatcher
import Linux
import LivePatch
import PatchBuilder

/// `tsugite build`: from a source diff to a live patch.
struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build",
        abstract: "Make a live patch from a source tree or a Debian package, a diff and the binaries that run.",
        discussion: """
            The tree is copied, built once as it is, and compared with the shipped binaries; then only what the
            diff reaches is compiled before and after it, and the functions that differ go into the patch. The
            tree itself is never written to. A second patch for the same tree doesn't build it again.

            With --kernel, the patch is for a distributor's shipped kernel: its packages are fetched by the package
            manager and unpacked, only what the diff reaches is compiled, and every function that is replaced is
            proven to be the shipped kernel's, byte for byte.

            EXAMPLE
              tsugite build --debian nginx --patch CVE-2025-23419.patch -o patches
              tsugite build --kernel --patch CVE-2026-23111.diff -o CVE-2026-23111-kernel.tsp
              tsugite build --kernel 6.1.0-54-cloud-amd64 --patch fix.diff --advisory CVE-2026-23111
              tsugite build --source nginx-1.22.1 --patch CVE-2025-23419.patch \\
                --target /usr/sbin/nginx -o CVE-2025-23419.tsp

            EXIT STATUS
              0 the patch was written    10 the diff changes nothing that the targets run
              13 refused, with reasons   64 wrong usage    70 internal error
            """)

    @Option(help: ArgumentHelp("Source tree without the fix.", valueName: "folder"))
    var source: String?
    @Option(
        help: ArgumentHelp(
            "Debian package instead of a tree: its source is fetched and built by its own rules.",
            valueName: "name[=version]"))
    var debian: String?
    @Option(
        name: .customLong("without-patch"), parsing: .upToNextOption,
        help: ArgumentHelp(
            "With --debian: leave this patch of the package's series out of the tree.", valueName: "name"))
    var withoutPatches: [String] = []
    @Flag(help: "With --debian: install missing build dependencies on this machine (as root).")
    var installDependencies = false
    @Flag(
        help: "With --debian: build in a throw-away root with nothing of this machine in it (mmdebstrap; as root).")
    var cleanRoot = false
    @Option(
        name: .customLong("patch"), parsing: .upToNextOption,
        help: ArgumentHelp("Diffs of the fix, in order (unified; -p0, -p1, git, quilt).", valueName: "file"))
    var patches: [String] = []
    @Option(
        name: .customLong("target"), parsing: .upToNextOption,
        help: ArgumentHelp(
            "Shipped ELF files that shall be patched; with --debian they are found.", valueName: "file"))
    var targets: [String] = []
    @OptionGroup(title: "Kernel options") var kernel: KernelBuildOptions
    @Option(help: ArgumentHelp("Shell command that builds the tree; guessed if left out.", valueName: "command"))
    var buildCommand: String?
    @Option(
        help: ArgumentHelp(
            "Where the build shall see the tree, if the target was built elsewhere and remembers it.",
            valueName: "folder"))
    var buildPath: String?
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The patch file to write; with --debian the folder for one patch per changed file.", valueName: "file"))
    var output: String?
    @Option(help: ArgumentHelp("Folder for cached builds and the stages' reports.", valueName: "folder"))
    var work: String?
    @Option(help: "Name of the patch; that of the output file if left out.")
    var name: String?
    @Option(
        name: .customLong("advisory"), parsing: .upToNextOption,
        help: ArgumentHelp("Advisories that the fix answers.", valueName: "id"))
    var advisories: [String] = []
    @Option(help: ArgumentHelp("Do this stage and all later ones again.", valueName: "stage"))
    var redo: BuildStage?
    @Option(name: .shortAndLong, help: "How many compiles run side by side.")
    var jobs: Int = Machine.usableProcessors
    @Flag(help: "Print the result as JSON (schema tsugite.build/1).")
    var json = false
    @Option(
        help: ArgumentHelp("Write a page for reviewers: disassembly side by side, diff, proofs.", valueName: "file")
    )
    var html: String?
    @Flag(name: .shortAndLong, help: "Show no progress.")
    var quiet = false

    func validate() throws {
        guard jobs > 0 else { throw ValidationError("--jobs takes a number from 1.") }
        if debian != nil {
            guard source == nil, targets.isEmpty, buildCommand == nil, buildPath == nil else {
                throw ValidationError("--debian finds source, build command and targets itself: leave those out.")
            }
            guard !patches.isEmpty || !withoutPatches.isEmpty else {
                throw ValidationError("Name at least one diff: --patch FILE, or --without-patch NAME.")
            }
            return
        }
        guard withoutPatches.isEmpty, !installDependencies, !cleanRoot else {
            throw ValidationError("--without-patch, --install-dependencies and --clean-root belong to --debian.")
        }
        guard !patches.isEmpty else { throw ValidationError("Name at least one diff: --patch FILE.") }
        guard kernel.kernel.isEmpty else {
            guard source == nil, targets.isEmpty else {
                throw ValidationError("With --kernel, source and target are the kernel's packages.")
            }
            return
        }
        guard source != nil else {
            throw ValidationError("Name what to build: --source FOLDER, --debian NAME or --kernel.")
        }
        guard !targets.isEmpty else { throw ValidationError("Name at least one shipped binary: --target FILE.") }
    }

    func run() throws {
        guard kernel.kernel.isEmpty else { return try runForKernel() }
        if cleanRoot, let debian, !CleanRoot.isInside { return try runInCleanRoot(debian) }
        let progress = BuildProgressLine(isQuiet: quiet || json)
        let report: BuildVerdict
        do throws(BuildError) {
            if let debian {
                report = try buildPackage(debian, progress)
            } else {
                report = try buildTree(progress)
            }
        } catch {
            report = BuildVerdict(findings: [error.finding])
        }
        progress.finish()
        if json { Output.json(report) } else { report.print() }
        guard report.status == .done else { throw report.status.exit }
    }

    private func buildTree(_ progress: BuildProgressLine) throws(BuildError) -> BuildVerdict {
        let path = output ?? (name ?? Self.baseName(patches[0])) + ".tsp"
        let request = BuildRequest(
            source: Self.absolute(source ?? "."), patches: patches.map(Self.absolute),
            targets: targets.map(Self.absolute), buildCommand: buildCommand,
            buildPath: buildPath.map(Self.absolute),
            output: Self.absolute(path), workFolder: Self.absolute(work ?? Self.defaultWorkFolder), redoFrom: redo,
            jobs: jobs)
        let pipeline = try BuildPipeline(request) { progress.show($0) }
        let result = try pipeline.run { (state) throws(BuildError) -> BackStages.Result in
            let stages = stages(request, state, name ?? Self.baseName(path), progress)
            let result = try stages.run()
            if case .patch(let patch) = result.outcome { try review([(patch, result.manifest)], stages) }
            return result
        }
        switch result.outcome {
        case .nothingToDo: return BuildVerdict(nothingToDo: result.manifest)
        case .refused(let errors): return BuildVerdict(findings: errors.map(\.finding))
        case .patch(let patch): return BuildVerdict([try write(patch, to: path, result.manifest)])
        }
    }

    /// Writes the reviewer's page, if it is wanted.
    private func review(_ patches: [(LivePatch, Manifest)], _ stages: BackStages) throws(BuildError) {
        guard let html, !patches.isEmpty else { return }
        var page = ReviewPage(stages.name, notes: [])
        for (patch, manifest) in patches { page.add(patch, manifest, file: manifest.name + ".tsp") }
        try stages.review(&page)
        do throws(SystemError) {
            try FileSystem.replace(html, with: Array(page.text.utf8))
        } catch {
            throw BuildError(error, path: html)
        }
    }

    private func stages(
        _ request: BuildRequest, _ state: BuildState, _ name: String, _ progress: BuildProgressLine
    ) -> BackStages {
        BackStages(
            request: request, build: state.build, diff: state.diff, pairs: state.units, name: name,
            advisories: advisories, store: state.store, key: state.key, report: { progress.show($0) })
    }

    private func write(
        _ patch: LivePatch, to path: String, _ manifest: Manifest
    ) throws(BuildError) -> BuildVerdict.Written {
        let bytes: [UInt8]
        do throws(PatchFileError) {
            bytes = try patch.encoded()
        } catch {
            throw BuildError(error.finding)
        }
        do throws(SystemError) {
            try FileSystem.replace(path, with: bytes)
        } catch {
            throw BuildError(error, path: path)
        }
        return .init(file: path, id: Digest(of: bytes).description, size: bytes.count, manifest: manifest)
    }
}

// MARK: - Debian packages

extension Build {
    private func buildPackage(_ spec: String, _ progress: BuildProgressLine) throws(BuildError) -> BuildVerdict {
        let parts = spec.split(separator: "=", maxSplits: 1).map(String.init)
        let folder = Self.absolute(output ?? ".")
        let made = (try? FileFacts.of(folder)) == nil
        let asked = DebianRequest(
            name: parts.first ?? spec, version: parts.count > 1 ? parts[1] : nil, without: withoutPatches,
            patches: patches, installsDependencies: installDependencies,
            workFolder: Self.absolute(work ?? Self.defaultWorkFolder), output: folder, jobs: jobs, redoFrom: redo)
        let package = try DebianBuild.prepare(asked) { progress.show($0) }
        let request = package.request
        let name = name ?? Self.baseName(request.patches.first ?? package.source.name)
        let pipeline = try BuildPipeline(request) { progress.show($0) }
        let result: (whole: BackStages.Result, patches: [(LivePatch, Manifest)])
        let shipped: [ShippedOutcome]?
        do throws(BuildError) {
            (result, shipped) = try pipeline.run { (state) throws(BuildError) in
                var stages = stages(request, state, name, progress)
                stages.origin = package.origin
                let made = try stages.runEach()
                try review(made.patches, stages)
                return (made, state.units.shipped)
            }
        } catch {
            throw package.explained(error)
        }
        if case .refused(let errors) = result.whole.outcome {
            return BuildVerdict(findings: errors.map(\.finding), notes: package.notes, shipped: shipped)
        }
        guard !result.patches.isEmpty else {
            return BuildVerdict(nothingToDo: result.whole.manifest, notes: package.notes, shipped: shipped)
        }
        if made { try WorkFolder.make(folder) }
        var written: [BuildVerdict.Written] = []
        for (patch, manifest) in result.patches {
            written.append(try write(patch, to: "\(folder)/\(manifest.name).tsp", manifest))
        }
        return BuildVerdict(written, notes: package.notes, shipped: shipped)
    }
}

// MARK: - Clean root

extension Build {
    /// The same command once more, in a root that holds only what the package is built with.
    private func runInCleanRoot(_ spec: String) throws {
        let progress = BuildProgressLine(isQuiet: quiet || json)
        let code: Int32
        do throws(BuildError) {
            let parts = spec.split(separator: "=", maxSplits: 1).map(String.init)
            let folder = Self.absolute(output ?? ".")
            let cache = Self.absolute(work ?? Self.defaultWorkFolder)
            let asked = DebianRequest(
                name: parts.first ?? spec, version: parts.count > 1 ? parts[1] : nil, workFolder: cache,
                output: folder, jobs: jobs)
            let root = try CleanRoot(cache) { progress.show($0) }
            let (source, notes) = try root.source(asked)
            for note in notes { Output.note("note: \(note)") }
            // The folder must be there to be shown inside; one that stays empty goes again.
            let isNew = !FileFacts.exists(folder)
            if isNew { try WorkFolder.make(folder) }
            let files = patches.map(Self.absolute).filter(FileFacts.exists)
            var arguments = ["build", "--debian", source.path, "--work", cache, "-o", folder, "--jobs", "\(jobs)"]
            if !withoutPatches.isEmpty { arguments += ["--without-patch"] + withoutPatches }
            let given = zip(patches, patches.map(Self.absolute)).map { FileFacts.exists($1) ? $1 : $0 }
            if !given.isEmpty { arguments += ["--patch"] + given }
            if !advisories.isEmpty { arguments += ["--advisory"] + advisories }
            if let name { arguments += ["--name", name] }
            if let redo { arguments += ["--redo", redo.rawValue] }
            if json { arguments.append("--json") }
            if quiet { arguments.append("--quiet") }
            if let html { arguments += ["--html", "\(folder)/\(Self.baseName(html)).html"] }
            progress.finish()
            let result = try root.run(arguments, for: source, visible: [folder] + files)
            if isNew { try? FileSystem.remove(folder) }
            if case .exited(let status) = result.status {
                code = status
            } else {
                code = ExitStatus.internal.rawValue
            }
        } catch {
            progress.finish()
            let verdict = BuildVerdict(findings: [error.finding])
            if json { Output.json(verdict) } else { verdict.print() }
            throw verdict.status.exit
        }
        guard code == 0 else { throw ExitCode(code) }
    }
}

// MARK: - for a kernel

extension Build {
    private func runForKernel() throws {
        let progress = BuildProgressLine(isQuiet: quiet || json)
        var verdict: KernelBuildVerdict
        do throws(BuildError) {
            verdict = try buildForKernel { progress.show($0) }
        } catch {
            let isNothing = error.finding.code == .kernelNothing
            verdict = KernelBuildVerdict(
                outcome: isNothing ? "nothing-to-do" : "blocked", findings: [error.finding])
        }
        progress.finish()
        if json { Output.json(verdict) } else { verdict.print() }
        guard verdict.status == .done else { throw verdict.status.exit }
    }

    /// A word that names a file or folder, from the top; a release as it is.
    private static func placed(_ word: String) -> String {
        word.contains("/") || word.hasSuffix(".deb") ? absolute(word) : word
    }

    private func buildForKernel(_ report: @escaping @Sendable (String) -> Void) throws(BuildError)
        -> KernelBuildVerdict
    {
        let path = output ?? (name ?? Self.baseName(patches[0])) + ".tsp"
        let work = Self.absolute(work ?? Self.defaultWorkFolder)
        let package = try KernelFetch(work: work, report: report).package(
            try KernelChoice(kernel.kernel.map(Self.placed)))
        let builder = try KernelBuilder(package, work: package.root + "/work", jobs: jobs, report: report)
        let label = KernelPatchLabel(
            name: name ?? Self.baseName(path), replaces: !kernel.beside, advisories: advisories,
            effective: kernel.effective, signature: kernel.signature)
        let result = try builder.build(patches.map(Self.absolute), label)
        let file: KernelPatchFile
        do throws(PatchFileError) {
            file = try KernelPatchFile(result.file)
        } catch {
            throw BuildError(error.finding)
        }
        do throws(SystemError) {
            try FileSystem.replace(path, with: result.file)
        } catch {
            throw BuildError(error, path: path)
        }
        return KernelBuildVerdict(
            outcome: "built", file: path, kernel: KernelInspectReport(file, includesDiff: false),
            notes: result.notes, seconds: result.seconds)
    }
}

// MARK: - Paths

extension Build {
    static func absolute(_ path: String) -> String {
        // Resolves links and dots; a path that doesn't exist yet is taken from the current folder.
        if let resolved = unsafe realpath(path, nil) {
            // realpath allocated the text, which ends in a zero; it is freed here and nowhere else.
            defer { unsafe free(resolved) }
            return unsafe String(cString: resolved)
        }
        if path.hasPrefix("/") { return path }
        guard let current = unsafe getcwd(nil, 0) else { return path }
        // As above.
        defer { unsafe free(current) }
        return unsafe String(cString: current) + "/" + path
    }

    /// File name without folder and last suffix.
    static func baseName(_ path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
        return String(name[..<dot])
    }

    /// `$XDG_CACHE_HOME/tsugite`, or below the home folder.
    static var defaultWorkFolder: String {
        func variable(_ name: String) -> String? {
            // getenv gives a text of the environment, which nothing here changes.
            unsafe getenv(name).map { unsafe String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
        }
        if let cache = variable("XDG_CACHE_HOME") { return cache + "/tsugite" }
        return (variable("HOME") ?? "/tmp") + "/.cache/tsugite"
    }
}

extension BuildStage: ExpressibleByArgument {}
