import Findings

/// CLI-MISSING, CLI-WRONG, CLI-CONFLICT: the client's own packages.
enum ClientProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        let isOffline = facts.planner.configuration.isOffline
        var found: [Finding] = []
        if !facts.hasNetworkPart, !isOffline {
            found.append(
                Finding(
                    .clientMissing, "tsugite-channel, the part that follows channels, isn't installed",
                    evidence: ["program": "/usr/libexec/tsugite/tsugite-channel"],
                    remedy: "apt-get install tsugite-channel"))
        }
        if facts.hasNetworkPart, isOffline {
            found.append(
                Finding(
                    .clientWrong, "this site is offline, and the network part of the client is installed",
                    evidence: ["site": "offline", "package": "tsugite-channel"],
                    remedy: "apt-get remove tsugite-channel, or site: online in \(facts.paths.configuration)"))
        }
        return found + conflicts(facts)
    }

    /// Clients that own the same files or patch the same processes.
    private static let rivals = [
        "uptrack", "uptrack-offline", "ksplice", "ksplice-offline", "ksplice-tools", "libcare", "kernelcare",
    ]

    private static func conflicts(_ facts: DoctorFacts) -> [Finding] {
        let logged = PackageConflict.all(in: facts.packageLog).filter { conflict in
            // What has been settled since isn't a finding any more.
            conflict.packages.contains { $0.hasPrefix("tsugite") || rivals.contains($0) }
                && conflict.packages.contains { facts.disk.installed[$0] != nil && !$0.hasPrefix("tsugite") }
        }
        if let conflict = logged.last {
            let rival =
                conflict.packages.first { !$0.hasPrefix("tsugite") && facts.disk.installed[$0] != nil } ?? ""
            return [
                Finding(
                    .clientConflict,
                    "a package transaction failed: \(conflict.packages.joined(separator: " and "))"
                        + " both own \(conflict.file)",
                    evidence: ["file": conflict.file, "packages": conflict.packages.joined(separator: ", ")],
                    remedy: "apt-get remove \(rival), then install again")
            ]
        }
        return rivals.filter { facts.disk.installed[$0] != nil }.map { rival in
            Finding(
                .clientConflict, "the rival client \(rival) is installed",
                evidence: ["package": rival, "version": facts.disk.installed[rival] ?? ""],
                remedy: "apt-get remove \(rival)")
        }
    }
}

/// Two packages that own one file, from a package tool's complaint.
struct PackageConflict: Equatable {
    var file: String
    var packages: [String]

    /// All complaints of a log, in both shapes: against an installed package, and between two new ones.
    static func all(in log: String) -> [PackageConflict] {
        var current = ""
        var found: [PackageConflict] = []
        for line in log.split(separator: "\n") {
            if let package = between(line, "Unpacking ", " ") { current = name(package) }
            if let file = between(line, "trying to overwrite '", "'"), let other = between(line, "in package ", " ")
            {
                found.append(PackageConflict(file: file, packages: [current, name(other)].filter { !$0.isEmpty }))
            }
            guard let file = between(line, "file ", " ") else { continue }
            if let new = between(line, "from install of ", " "), let old = between(line, "from package ", " ") {
                found.append(PackageConflict(file: file, packages: [rpmName(new), rpmName(old)]))
            } else if let one = between(line, "between attempted installs of ", " and "),
                let two = between(line, " and ", " ")
            {
                found.append(PackageConflict(file: file, packages: [rpmName(one), rpmName(two)]))
            }
        }
        return found
    }

    private static func between(_ line: Substring, _ start: String, _ end: String) -> String? {
        guard let from = line.firstRange(of: start) else { return nil }
        let rest = line[from.upperBound...]
        let text = rest.firstRange(of: end).map { rest[..<$0.lowerBound] } ?? rest
        return text.isEmpty ? nil : String(text)
    }

    private static func name(_ text: String) -> String { String(text.prefix { $0 != ":" && $0 != " " }) }

    /// `uptrack-offline` from `uptrack-offline-1.2.54-0.el7.noarch`: up to the dash before the version.
    private static func rpmName(_ text: String) -> String {
        let parts = text.split(separator: "-")
        let kept = parts.prefix { $0.first?.isNumber != true }
        return kept.joined(separator: "-")
    }
}
