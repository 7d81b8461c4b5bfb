import ArgumentParser
import Channel
import Console
import Findings
import Linux

/// Makes Debian packages of updates, one for each target.
struct ChannelDeb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deb", abstract: "Make a Debian package of updates for each target, for any package mirror.",
        discussion: """
            tsugite-updates-libssl3 holds all updates for libssl3, tsugite-updates-RELEASE those for a kernel. \\
            Installing one applies it at once, unless skip_apply_after_pkg_install is set. A package without updates \\
            says "nothing yet" and is no error. The package's signature is the archive's, as for any package.

            EXAMPLE
              tsugite channel deb /srv/channel --for user/libssl3 --output packages
            """)

    @Argument(help: "Folder of the channel.") var folder: String
    @Option(
        name: .customLong("for"), parsing: .upToNextOption,
        help: ArgumentHelp("kernel/RELEASE, user/PACKAGE.", valueName: "family"))
    var families: [String]
    @Option(help: "Folder for the packages.") var output: String

    func validate() throws { try FamilyWords.check(families) }

    func run() throws {
        try reportingErrors(json: false) {
            try FileSystem.makeDirectory(output)
            for family in families.compactMap({ Family($0) }) {
                let (path, count) = try UpdatePackage(family).make(from: Repository(folder: folder), in: output)
                Output.result("\(path): \(count == 0 ? "nothing yet" : "\(count) files")")
            }
        }
    }
}

/// One `.deb` with the updates of one family.
struct UpdatePackage {
    let family: Family
    /// `tsugite-updates-libssl3`; package names are lower case letters, digits and `+-.` (Debian policy 5.6.7).
    var name: String {
        "tsugite-updates-"
            + family.name.lowercased().map { $0.isLetter || $0.isNumber || "+-.".contains($0) ? String($0) : "-" }
            .joined()
    }

    init(_ family: Family) { self.family = family }

    /// Writes the package.
    /// - Returns: its path, and how many update files it holds.
    func make(from repository: Repository, in folder: String) throws -> (String, Int) {
        let (catalogue, files) = try repository.offer([family])
        let version = "1.\(catalogue.version)"
        let work = try TemporaryDirectory(prefix: "tsugite-deb", below: folder)
        let place = "\(work.path)/usr/share/tsugite/updates/\(name)"
        try FileSystem.makeDirectory(place)
        try FileSystem.replace("\(place)/catalogue.json", with: catalogue.json.compactBytes)
        for (entry, file) in files {
            let bytes = try FileSystem.read(file)
            try FileSystem.replace("\(place)/\(entry.sha256).tsp", with: bytes)
        }
        try FileSystem.makeDirectory("\(work.path)/DEBIAN")
        let ids = Set(catalogue.entries.map(\.update.id)).sorted().joined(separator: ", ")
        try FileSystem.replace(
            "\(work.path)/DEBIAN/control",
            with: """
                Package: \(name)
                Version: \(version)
                Architecture: all
                Maintainer: Tsugite <tsugite@localhost>
                Section: admin
                Priority: optional
                Depends: tsugite
                Description: live updates for \(family.name)
                 \(ids.isEmpty ? "Nothing yet: nothing is needed." : "Holds \(ids).")

                """)
        try FileSystem.replace(
            "\(work.path)/DEBIAN/postinst",
            with: "#!/bin/sh\nset -e\nif [ \"$1\" = configure ]; then tsugite apply-package \(name) || true; fi\n",
            mode: 0o755)
        let path = "\(folder)/\(name)_\(version)_all.deb"
        let built = try Command("dpkg-deb", ["--root-owner-group", "-Zxz", "-b", work.path, path]).run()
        guard built.succeeded else { throw ChannelError(.file, path, "dpkg-deb: \(built.errorText)") }
        return (path, files.count)
    }
}
