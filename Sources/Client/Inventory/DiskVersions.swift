import Linux

/// What the package database says is on disk.
public struct DiskVersions: Sendable, Equatable {
    /// Versions of installed packages, by name.
    public var installed: [String: String] = [:]
    /// Source packages of installed packages, where they differ in name.
    public var sources: [String: String] = [:]

    /// Reads dpkg's status file; empty on a system without one.
    public static func read(_ root: String = "") -> DiskVersions {
        parse((try? FileSystem.readText("\(root)/var/lib/dpkg/status", limit: 256 << 20)) ?? "")
    }

    /// Reads its text: paragraphs of `Field: value` lines.
    static func parse(_ text: String) -> DiskVersions {
        var found = DiskVersions()
        var fields: [Substring: Substring] = [:]
        func close() {
            if let name = fields["Package"], let version = fields["Version"],
                fields["Status"]?.hasSuffix(" installed") == true
            {
                found.installed[String(name)] = String(version)
                found.sources[String(name)] = fields["Source"].map { String($0.prefix { $0 != " " }) }
            }
            fields = [:]
        }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty { close() }
            guard let colon = line.firstIndex(of: ":"), line.first != " " else { continue }
            let key = line[..<colon]
            guard ["Package", "Version", "Status", "Source"].contains(key) else { continue }
            fields[key] = line[line.index(after: colon)...].trimmed()
        }
        close()
        return found
    }
}
