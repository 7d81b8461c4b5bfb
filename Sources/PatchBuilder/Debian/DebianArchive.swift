// Getting source and binary packages: through apt, so that signatures are checked as for every other package,
// with lists of our own: the system's sources and lists stay as they are, and no root is needed.
//
// An archive's list may name files that its pool has dropped meanwhile (404). Then the other archives are tried
// one after the other, because a version may lie in several pools; and if the installed version has gone from
// all of them, the newest one that can still be had is taken and the report says so.

import Findings
import Linux

/// The Debian archives that this machine uses.
package struct DebianArchive: Sendable {
    /// Folder for lists and fetched files.
    let folder: String
    let report: ProgressReport

    /// Takes the work folder.
    package init(_ work: WorkFolder, report: @escaping ProgressReport = { _ in }) {
        folder = work.path + "/debian"
        self.report = report
    }

    /// The processor architecture in Debian's words, `amd64`.
    static func architecture() -> String {
        let result = try? Command("dpkg", ["--print-architecture"], timeout: .seconds(30)).run()
        let text = result?.outputText.filter { $0 != "\n" } ?? ""
        return text.isEmpty ? "amd64" : text
    }
}

// MARK: - apt

extension DebianArchive {
    private var lists: String { folder + "/apt" }

    /// Runs apt-get or apt-cache on our own lists.
    private func apt(
        _ program: String, _ arguments: [String], sources: String? = nil, directory: String? = nil
    ) throws(BuildError) -> CommandResult {
        let options = [
            "-qq", "-oDir::Etc::sourcelist=\(sources ?? lists + "/sources.list")",
            "-oDir::Etc::sourceparts=\(lists)/parts", "-oDir::State::lists=\(lists)/lists",
            "-oDir::Cache=\(lists)/cache", "-oAPT::Sandbox::User=", "-oAcquire::Retries=2",
        ]
        do throws(SystemError) {
            return try Command(program, options + arguments, directory: directory, timeout: .seconds(900)).run()
        } catch {
            throw BuildError(
                .debianTools, "\(program) can't be run", evidence: ["program": program, "errno": error.errno.name])
        }
    }

    /// The archives' lines for `sources.list`; the system's own, Debian's if it names none.
    private func mirrors() throws(BuildError) -> [String] {
        let format = "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)"
        let result: CommandResult
        do throws(SystemError) {
            result = try Command("apt-get", ["indextargets", "--format", format], timeout: .seconds(60)).run()
        } catch {
            throw BuildError(.debianTools, "apt-get can't be run", evidence: ["errno": error.errno.name])
        }
        let known = Set(
            result.outputText.split(separator: "\n").compactMap { line -> String? in
                let words = line.split(separator: " ").map(String.init)
                return words.count == 4 && words[0] == "Debian" ? words[1...].joined(separator: " ") : nil
            })
        guard !known.isEmpty else {
            return [
                "http://deb.debian.org/debian bookworm main",
                "http://deb.debian.org/debian-security bookworm-security main",
            ]
        }
        return known.sorted()
    }

    /// Makes the lists, or takes those that are younger than a day.
    func refresh(force: Bool = false) throws(BuildError) {
        for part in ["parts", "lists/partial", "cache/archives/partial"] {
            try WorkFolder.make(lists + "/" + part)
        }
        let stamp = lists + "/refreshed"
        if !force, let facts = try? FileFacts.of(stamp), try now() &- facts.modified < 86_400_000_000_000 { return }
        report(BuildProgress(.reproduce, "reading the archives' lists of packages"))
        let mirrors = try mirrors()
        let text = mirrors.map { "deb-src \($0)\ndeb \($0)\n" }.joined()
        try WorkFolder.write(Array(text.utf8), to: lists + "/sources.list")
        for (number, mirror) in mirrors.enumerated() {
            try WorkFolder.write(
                Array("deb-src \(mirror)\ndeb \(mirror)\n".utf8), to: "\(lists)/mirror-\(number).list")
        }
        let result = try apt("apt-get", ["update"])
        guard result.succeeded else {
            throw BuildError(
                .debianArchive, "the archives' lists can't be fetched",
                evidence: ["apt-get": String(result.errorText.suffix(600))])
        }
        try WorkFolder.write([], to: stamp)
    }

    /// The lines of the lists, for binary and source packages.
    func lines() throws(BuildError) -> [String] {
        String(decoding: try WorkFolder.read(lists + "/sources.list"), as: UTF8.self).split(separator: "\n")
            .map(String.init).filter { $0.hasPrefix("deb ") }
    }

    /// Nanoseconds since 1970, by the clock that file times follow.
    private func now() throws(BuildError) -> UInt64 {
        let probe = lists + "/now"
        try WorkFolder.write([], to: probe)
        do throws(SystemError) {
            return try FileFacts.of(probe).modified
        } catch {
            throw BuildError(error, path: probe)
        }
    }

    private func mirrorLists() -> [String] {
        let names = (try? Directory.entries(of: lists))?.map(\.name) ?? []
        return names.filter { $0.hasPrefix("mirror-") && $0.hasSuffix(".list") }.sorted().map { lists + "/" + $0 }
    }
}

// MARK: - sources

extension DebianArchive {
    /// Versions of a source package that the archives offer, newest first.
    func offered(_ name: String) throws(BuildError) -> [String] {
        let result = try apt("apt-cache", ["showsrc", "--only-source", name])
        let versions = ControlFile(result.outputText).paragraphs.filter { $0["package"] == name }
            .compactMap { $0["version"] }
        var unique: [String] = []
        for version in versions where !unique.contains(version) { unique.append(version) }
        return unique.sorted { Self.isNewer($0, than: $1) }
    }

    /// The `.dsc` of a version with the files that it names, fetched or from before; nil if no archive has it.
    func fetchSource(_ name: String, _ version: String) throws(BuildError) -> SourcePackage? {
        let sources = folder + "/sources"
        try WorkFolder.make(sources)
        if let kept = kept(name, version, in: sources) { return kept }
        report(BuildProgress(.reproduce, "fetching the source of \(name) \(version)"))
        for list in [nil] + mirrorLists().map(Optional.some) {
            let result = try apt(
                "apt-get", ["source", "--download-only", "--only-source", "\(name)=\(version)"], sources: list,
                directory: sources)
            if result.errorText.contains("No space left") {
                throw BuildError(.noSpace, "no space left for \(name)'s source", evidence: ["path": sources])
            }
            if result.succeeded, let found = kept(name, version, in: sources) { return found }
        }
        return nil
    }

    /// A source package that lies in `sources` whole.
    private func kept(_ name: String, _ version: String, in sources: String) -> SourcePackage? {
        let plain = version.firstIndex(of: ":").map { String(version[version.index(after: $0)...]) } ?? version
        let path = "\(sources)/\(name)_\(plain).dsc"
        guard let found = try? Self.source(at: path), found.version == version else { return nil }
        return found.digests.allSatisfy { name, digest in
            (try? FileSystem.read(sources + "/" + name)).map { ContentDigest.hex($0) == digest } ?? false
        } ? found : nil
    }

    /// Reads a `.dsc`.
    static func source(at path: String) throws(BuildError) -> SourcePackage {
        let bytes = try WorkFolder.read(path)
        guard
            let found = SourcePackage(
                dsc: String(decoding: bytes, as: UTF8.self), path: path, digest: ContentDigest.hex(bytes),
                architecture: architecture())
        else {
            throw BuildError(
                .debianSource, "\(path) describes no source package", evidence: ["path": path])
        }
        return found
    }

    /// Debian's order of versions.
    static func isNewer(_ version: String, than other: String) -> Bool {
        let compare = Command("dpkg", ["--compare-versions", version, "gt", other], timeout: .seconds(30))
        return (try? compare.run())?.succeeded ?? false
    }
}

// MARK: - binaries

extension DebianArchive {
    /// The files of a binary package, unpacked below the returned folder; nil if no archive has that version.
    func unpackedBinary(_ name: String, _ version: String) throws(BuildError) -> String? {
        let architecture = Self.architecture()
        let plain = version.firstIndex(of: ":").map { String(version[version.index(after: $0)...]) } ?? version
        let place = "\(folder)/binaries/\(name)_\(plain)_\(architecture)"
        if FileFacts.exists(place) { return place }
        let fetch = place + ".fetch"
        try WorkFolder.remove(fetch)
        try WorkFolder.make(fetch)
        report(BuildProgress(.reproduce, "fetching \(name) \(version)"))
        var found: String?
        for list in [nil] + mirrorLists().map(Optional.some) where found == nil {
            _ = try apt(
                "apt-get", ["download", "\(name):\(architecture)=\(version)"], sources: list, directory: fetch)
            found = (try? Directory.entries(of: fetch))?.map(\.name).first { $0.hasSuffix(".deb") }
        }
        if let found {
            try StagedPackages.unpack(fetch + "/" + found, to: place)
        }
        try WorkFolder.remove(fetch)
        return found == nil ? nil : place
    }
}
