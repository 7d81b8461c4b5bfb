// From a package's name to a request that the pipeline understands: source tree, build command, shipped files.

import Findings
import Linux

/// What the author asks for in Debian's terms.
package struct DebianRequest: Sendable, Equatable {
    /// Source or binary package.
    package var name: String
    /// The version; nil: the installed one, else the newest one offered.
    package var version: String?
    /// Patches of the package's series that the tree shall be built without.
    package var without: [String]
    /// Diffs, or names of left-out patches; empty: all left-out patches.
    package var patches: [String]
    /// Whether missing build dependencies are installed on this machine.
    package var installsDependencies: Bool
    /// Folder for cached builds.
    package var workFolder: String
    /// Folder for the patch files.
    package var output: String
    /// How many compiles run side by side.
    package var jobs: Int
    /// First stage to do again.
    package var redoFrom: BuildStage?

    /// Makes a request.
    package init(
        name: String, version: String? = nil, without: [String] = [], patches: [String] = [],
        installsDependencies: Bool = false, workFolder: String, output: String, jobs: Int,
        redoFrom: BuildStage? = nil
    ) {
        self.name = name
        self.version = version
        self.without = without
        self.patches = patches
        self.installsDependencies = installsDependencies
        self.workFolder = workFolder
        self.output = output
        self.jobs = jobs
        self.redoFrom = redoFrom
    }
}

/// A package ready to be built and patched.
package struct DebianBuild: Sendable {
    /// The version that was taken.
    package var source: SourcePackage
    /// Its tree.
    package var tree: DebianTree
    /// What the pipeline shall do.
    package var request: BuildRequest
    /// What the reader of the report should know.
    package var notes: [String]

    /// What the patch says of where it comes from.
    package var origin: PackageOrigin {
        PackageOrigin(
            name: source.name, version: source.version, files: source.digests,
            without: tree.leftOut.map(BuildPath.name))
    }

    /// Fetches, unpacks, and finds the shipped files; builds nothing yet.
    package static func prepare(
        _ request: DebianRequest, report: @escaping ProgressReport = { _ in }
    ) throws(BuildError) -> DebianBuild {
        let work = try WorkFolder(BuildPath.absolute(request.workFolder, in: try currentFolder()))
        let archive = DebianArchive(work, report: report)
        let installed = try InstalledPackages()
        var notes: [String] = []
        let source = try choose(request, archive, installed, &notes)
        guard !source.binaries.isEmpty else {
            throw BuildError(
                .nothingToDo, "\(source.name) has no package with code for this machine",
                evidence: ["version": source.version])
        }
        let unpacker = DebianUnpacker(folder: work.path + "/debian/trees", report: report)
        let tree = try unpacker.tree(of: source, without: request.without)
        let patches = try patches(request, tree)
        try BuildDependencies.satisfy(
            tree, source, installing: request.installsDependencies, report: report)
        var build = BuildRequest(
            source: tree.path, patches: patches, targets: [], buildCommand: command(jobs: request.jobs),
            output: request.output, workFolder: work.path, redoFrom: request.redoFrom, jobs: request.jobs)
        // A tree with patches left out was shipped by nobody: what it builds stands for what runs.
        let shipped = request.without.isEmpty ? try shippedFiles(source, archive, installed, &notes) : nil
        build.package = PackageBuild(products: tree.parent, shipped: shipped)
        return DebianBuild(source: source, tree: tree, request: build, notes: notes + tree.notes)
    }

    /// A failure behind the diff, with the patches that had to be left out and may be what is missing.
    package func explained(_ error: BuildError) -> BuildError {
        let names = tree.dependent.filter { !request.patches.contains($0) }.map(BuildPath.name)
        guard error.finding.code == .postFailed, !names.isEmpty else { return error }
        var more = error.adding("left out, too", names.joined(separator: ", "))
        more.finding.remedy =
            "These patches of the series build on the one left out, and may be part of the fix: add "
            + names.map { "--patch \($0)" }.joined(separator: " ") + "."
        return more
    }

    private static func currentFolder() throws(BuildError) -> String {
        do throws(SystemError) {
            return try ProcessFiles.readLink("/proc/self/cwd")
        } catch {
            throw BuildError(error, path: ".")
        }
    }

    /// The package's own rules, without what makes no code: tests, packages of debug information, compression.
    ///
    /// A proxy that doesn't exist keeps the build off the network, as on Debian's own machines.
    private static func command(jobs: Int) -> String {
        "unset DISPLAY XDG_RUNTIME_DIR; "
            + "http_proxy=http://127.0.0.1:9/ https_proxy=http://127.0.0.1:9/ LC_ALL=C.UTF-8 "
            + "DEB_BUILD_OPTIONS='nocheck noautodbgsym parallel=\(jobs) ' DEB_BUILD_PROFILES=nocheck "
            + "DPKG_DEB_COMPRESSOR_TYPE=none dpkg-buildpackage --build=any --no-sign --no-check-builddeps"
    }
}

// MARK: - version

extension DebianBuild {
    /// The version that a request means, fetched, and notes on the choice.
    static func choose(
        _ request: DebianRequest, _ archive: DebianArchive
    ) throws(BuildError) -> (source: SourcePackage, notes: [String]) {
        var notes: [String] = []
        let source = try choose(request, archive, InstalledPackages(), &notes)
        return (source, notes)
    }

    private static func choose(
        _ request: DebianRequest, _ archive: DebianArchive, _ installed: InstalledPackages,
        _ notes: inout [String]
    ) throws(BuildError) -> SourcePackage {
        if request.name.hasSuffix(".dsc") { return try DebianArchive.source(at: request.name) }
        try archive.refresh()
        let name = installed.sourceName(of: request.name)
        let present = installed.version(ofSource: name)
        if let version = request.version ?? present, let found = try archive.fetchSource(name, version) {
            return found
        }
        let offered = try archive.offered(name)
        guard !offered.isEmpty else {
            throw BuildError(
                .debianVersion, "no archive of this machine offers a source package \(name)",
                evidence: ["package": request.name], remedy: "Check the name, and deb lines in /etc/apt.")
        }
        if let version = request.version {
            throw BuildError(
                .debianVersion, "\(name) \(version) isn't in the archives",
                evidence: ["wanted": version, "offered": offered.joined(separator: ", ")],
                remedy:
                    "Take an offered version, or fetch the .dsc with its files from snapshot.debian.org and give "
                    + "its path: --debian \(name)_\(version).dsc.")
        }
        for version in offered {
            guard let found = try archive.fetchSource(name, version) else { continue }
            if let present {
                notes.append(
                    "\(name) \(present) is installed, but its source isn't in the archives: made for \(version)")
            }
            return found
        }
        throw BuildError(
            .debianVersion, "the archives list \(name), but none has its files any more",
            evidence: ["listed": offered.joined(separator: ", ")],
            remedy: "Wait for the mirror to settle, or take the .dsc from snapshot.debian.org.")
    }

    static func patches(_ request: DebianRequest, _ tree: DebianTree) throws(BuildError) -> [String] {
        let all = request.patches.map { name -> String in
            if FileFacts.exists(name) { return name }
            let leaf = name.hasPrefix("debian/patches/") ? String(name.dropFirst(15)) : name
            let series = tree.leftOut + tree.dependent
            return series.first { $0 == name || $0.hasSuffix("/" + leaf) } ?? name
        }
        if all.isEmpty, tree.leftOut.isEmpty {
            throw BuildError(
                .diffMalformed, "no diff is given",
                remedy: "Name the fix with --patch FILE, or --without-patch NAME.")
        }
        return all.isEmpty ? tree.leftOut : all
    }
}

// MARK: - shipped files

extension DebianBuild {
    /// The ELF files of the version's binary packages: of installed ones where they lie, of others from the archive.
    private static func shippedFiles(
        _ source: SourcePackage, _ archive: DebianArchive, _ installed: InstalledPackages, _ notes: inout [String]
    ) throws(BuildError) -> [ShippedFile] {
        var files: [ShippedFile] = []
        var missing: [String] = []
        for name in source.binaries {
            let package = installed.packages.first { $0.name == name && $0.sourceVersion == source.version }
            if package != nil {
                files += InstalledPackages.files(of: name).filter(StagedPackages.isShippedImage).map {
                    ShippedFile(path: $0, package: name, place: $0)
                }
            } else if let folder = try archive.unpackedBinary(name, source.version) {
                files += StagedPackages.images(of: name, below: folder)
            } else {
                missing.append(name)
            }
        }
        if !missing.isEmpty {
            notes.append(
                "not installed and not in the archives, so not looked at: \(missing.joined(separator: ", "))")
        }
        return files
    }
}
