import Findings
import Linux

/// What dpkg says is installed.
struct InstalledPackages: Sendable {
    /// One installed binary package.
    struct Package: Sendable, Equatable {
        var name: String
        var version: String
        var source: String
        var sourceVersion: String
    }

    let packages: [Package]

    /// Asks dpkg-query(1).
    init() throws(BuildError) {
        let format = "${db:Status-Status}\t${Package}\t${Version}\t${source:Package}\t${source:Version}\n"
        let result: CommandResult
        do throws(SystemError) {
            result = try Command("dpkg-query", ["-W", "-f", format], timeout: .seconds(120)).run()
        } catch {
            throw BuildError(
                .debianTools, "dpkg-query can't be run", evidence: ["errno": error.errno.name])
        }
        self.init(table: result.outputText)
    }

    /// Reads the table that dpkg-query prints.
    init(table: String) {
        packages = table.split(separator: "\n").compactMap { line in
            let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard words.count == 5, words[0] == "installed" else { return nil }
            return Package(name: words[1], version: words[2], source: words[3], sourceVersion: words[4])
        }
    }

    /// The source package that `name` means: itself, or the one of which the binary package `name` is made.
    func sourceName(of name: String) -> String {
        if packages.contains(where: { $0.source == name }) { return name }
        return packages.first { $0.name == name }?.source ?? name
    }

    /// The installed source version of a source package; the newest if there are several.
    func version(ofSource source: String) -> String? {
        var best: String?
        for package in packages where package.source == source {
            if let known = best, !DebianArchive.isNewer(package.sourceVersion, than: known) { continue }
            best = package.sourceVersion
        }
        return best
    }

    /// Regular files of an installed package.
    static func files(of name: String) -> [String] {
        guard let result = try? Command("dpkg-query", ["-L", name], timeout: .seconds(60)).run(), result.succeeded
        else { return [] }
        return result.outputText.split(separator: "\n").map(String.init).filter { path in
            (try? FileFacts.of(path, followingLinks: false))?.isRegular ?? false
        }
    }
}
