public import ArgumentParser
public import Channel
import Console
import ELF
import Findings
import Linux
import LivePatch

extension UpdateDescription.Severity: ExpressibleByArgument {}
extension UpdateDescription.UndoSafety: ExpressibleByArgument {}

/// Adds an update; the next `publish` publishes it.
struct ChannelAdd: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Add an update to what will be published.",
        discussion: """
            For a live patch (.tsp) the builds that it is for are read from the file.

            With --batch many are added at once: each line of the given file is a JSON object with the members \
            file, id, family, build-ids, effective-version, and optionally name, advisories, severity, \
            supersedes, undo, provenance, summary.
            """)

    @Argument(help: "Folder of the channel.") var folder: String
    @Argument(help: "The update's file.") var update: String?
    @Option(help: "The line that it belongs to: kernel/RELEASE, user/PACKAGE or zone/BASE.") var family: String?
    @Option(help: "The update's id; by default the file's name without its ending.") var id: String?
    @Option(help: "The version whose fixes are in memory afterwards.") var effectiveVersion: String?
    @Option(
        name: .customLong("build-id"), parsing: .upToNextOption,
        help: "The builds that it is for; not needed for a live patch.")
    var buildIDs: [String] = []
    @Option(name: .customLong("advisory"), parsing: .upToNextOption, help: "CVE, DSA, USN... that it answers.")
    var advisories: [String] = []
    @Option(help: "How urgent it is.") var severity = UpdateDescription.Severity.unknown
    @Option(parsing: .upToNextOption, help: "Updates that it replaces.") var supersedes: [String] = []
    @Option(help: "Whether it can be taken out again.") var undo = UpdateDescription.UndoSafety.safe
    @Option(help: "Digest of the provenance statement, sha256:HEX.") var provenance: String?
    @Option(help: "One line for people.") var summary = ""
    @Option(help: "File with one update per line.") var batch: String?

    func validate() throws {
        guard (batch == nil) != (update == nil) else {
            throw ValidationError("give either an update's file or --batch")
        }
        guard batch != nil || (family != nil && effectiveVersion != nil) else {
            throw ValidationError("an update needs --family and --effective-version")
        }
        if let family { try FamilyWords.check([family]) }
        if let bad = buildIDs.first(where: { !StagedUpdate.isBuildID($0) }) {
            throw ValidationError("\(bad) is no build-id: those are hexadecimal, as readelf -n prints them")
        }
    }

    func run() throws {
        try reportingChannelErrors { () throws(ChannelError) in
            let repository = Repository(folder: folder)
            if let batch {
                let updates = try asOwnFile(batch, remedy: "Correct that line of \(batch).") {
                    () throws(ChannelError) in
                    try StagedUpdate.batch(try MetadataFile.read(batch, limit: 1 << 28), subject: batch)
                }
                try repository.stage(updates)
                Output.result("\(updates.count) updates wait for tsugite channel publish \(folder)")
            } else {
                let (staged, file) = try one()
                try repository.stage(staged, file: file)
                Output.result("\(staged.description.id) waits for tsugite channel publish \(folder)")
            }
        }
    }

    private func one() throws(ChannelError) -> (StagedUpdate, String) {
        let file = update ?? ""
        let name = String(file.split(separator: "/").last ?? "")
        guard let line = Family(family ?? "") else {
            throw ChannelError(.file, family ?? "", FamilyWords.allowed)
        }
        var description = UpdateDescription(
            id: id ?? String(name.prefix { $0 != "." }), effectiveVersion: effectiveVersion ?? "")
        description.advisories = advisories
        description.severity = severity
        description.supersedes = supersedes
        description.undo = undo
        description.provenance = provenance
        description.summary = summary
        let builds = buildIDs.isEmpty ? try targetBuilds(of: file) : buildIDs
        return (StagedUpdate(description, family: line, buildIDs: builds, name: name), file)
    }
}

/// The build-ids that a live patch is for.
private func targetBuilds(of path: String) throws(ChannelError) -> [String] {
    guard FileFacts.exists(path) else {
        throw ChannelError(.file, path, "no such file", remedy: "Check the path of the update's file.")
    }
    do {
        let bytes = try ByteStorage(reading: path)
        if let module = try? ELFFile(ByteView(bytes)), module.section(named: KernelPatch.section) != nil {
            return ["\(try KernelPatch(module).buildID)"]
        }
        let file = try PatchFile(bytes)
        return file.patch.targets.map { "\($0.buildID)" }
    } catch let error as any DiagnosableError {
        throw ChannelError(
            .file, path, error.finding.message,
            remedy: "Build the patch again (tsugite build); for other files than live patches give --build-id.")
    } catch {
        throw ChannelError(.file, path, "\(error)")
    }
}
