public import Channel
import Findings
import Linux

/// One fact from outside: a package is vulnerable to something below a version.
public struct AdvisoryFact: Sendable, Equatable, Hashable {
    /// CVE, DSA and the like.
    public var advisory: String
    /// The source or binary package that it is about.
    public var package: String
    /// The version that fixes it on disk; nil if none does yet.
    public var fixed: String?
}

/// Reads what the world publishes about vulnerabilities.
public enum AdvisorySource {
    /// The Debian security tracker's JSON: source package, then advisory, then release.
    ///
    /// - Parameter packages: only these source packages are read out; the file holds all of Debian.
    public static func tracker(_ json: JSON, release: String, packages: Set<String>) -> [AdvisoryFact] {
        (json.object?.entries ?? []).filter { packages.contains($0.key) }.flatMap { package in
            (package.value.object?.entries ?? []).compactMap { advisory -> AdvisoryFact? in
                guard let state = advisory.value["releases"]?[release], let status = state["status"]?.string else {
                    return nil
                }
                let version = state["fixed_version"]?.string
                // "0" says that this release was never affected.
                if version == "0" || status == "undetermined" { return nil }
                return AdvisoryFact(
                    advisory: advisory.key, package: package.key, fixed: status == "resolved" ? version : nil)
            }
        }
    }

    /// OSV (ossf.github.io/osv-schema): one record, or a list of them.
    public static func osv(_ json: JSON) -> [AdvisoryFact] {
        (json.array ?? [json]).flatMap { record -> [AdvisoryFact] in
            guard let id = record["id"]?.string, record["withdrawn"] == nil else { return [] }
            // The CVE is what everybody else calls it.
            let names = (record["aliases"]?.array ?? []).compactMap(\.string)
            let name = names.first { $0.hasPrefix("CVE-") } ?? id
            return (record["affected"]?.array ?? []).compactMap { affected in
                guard affected["package"]?["ecosystem"]?.string?.hasPrefix("Debian") == true,
                    let package = affected["package"]?["name"]?.string
                else { return nil }
                let events = (affected["ranges"]?.array ?? []).flatMap { $0["events"]?.array ?? [] }
                return AdvisoryFact(
                    advisory: name, package: package, fixed: events.compactMap { $0["fixed"]?.string }.last)
            }
        }
    }

    /// Reads a file of either kind.
    public static func read(_ path: String, release: String, disk: DiskVersions) throws(ClientError)
        -> [AdvisoryFact]
    {
        let bytes = try asClient { () throws(ChannelError) in try MetadataFile.read(path, limit: 1 << 30) }
        let json: JSON
        do throws(ChannelError) { json = try JSON.parse(bytes, subject: path) } catch {
            throw unknown(path, error.what)
        }
        if isOSV(json) { return osv(json) }
        guard isTracker(json) else { throw unknown(path, "it is neither the tracker's form nor OSV records") }
        return tracker(json, release: release, packages: disk.sourcePackages)
    }

    private static func isOSV(_ json: JSON) -> Bool {
        let records = json.array ?? [json]
        return !records.isEmpty && records.allSatisfy { $0["id"]?.string != nil }
    }

    private static func isTracker(_ json: JSON) -> Bool {
        (json.object?.entries ?? []).contains { package in
            (package.value.object?.entries ?? []).contains { $0.value["releases"]?.object != nil }
        }
    }

    private static func unknown(_ path: String, _ why: String) -> ClientError {
        ClientError(
            .channelFile, "\(path): \(why)", ["file": path],
            remedy: "Give the Debian security tracker's JSON, or OSV records, with --advisories.")
    }
}

extension DiskVersions {
    /// The source packages of everything that is installed.
    public var sourcePackages: Set<String> { Set(installed.keys.map { sources[$0] ?? $0 }) }

    /// Installed binary packages of a source package, or the one of that very name.
    func binaries(of package: String) -> [String] {
        installed.keys.filter { (sources[$0] ?? $0) == package || $0 == package }.sorted()
    }

    /// `bookworm`, from os-release.
    public static func release(_ root: String = "") -> String {
        let text = (try? FileSystem.readText("\(root)/etc/os-release")) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("VERSION_CODENAME=") }
        return line.map { String($0.dropFirst(17)) } ?? ""
    }
}
