public import Channel

/// A report in the forms that other tools read.
public enum ReportFormats {
    /// OpenVEX 0.2.0 (github.com/openvex/spec): what this machine's memory says, one statement for each advisory.
    public static func vex(_ report: TwoAxisReport, author: String, identifier: String) -> JSON {
        let statements = report.statements.map { statement -> JSON in
            let isFixed = statement.memory == .fixed || (statement.memory == .absent && statement.disk == .fixed)
            var object: JSON.Object = [
                "vulnerability": ["name": .string(statement.advisory)],
                "products": [["@id": .string(purl(statement.package, statement.diskVersion))]],
                "status": isFixed ? "fixed" : "affected",
                "status_notes": .string(
                    "on disk \(statement.disk.rawValue), in memory \(statement.memory.rawValue)"
                        + " (\(statement.processes.count { $0.state == .fixed }) of \(statement.processes.count) processes)"
                ),
            ]
            // The specification asks for this with "affected".
            if !isFixed {
                object[key: "action_statement"] = .string(
                    statement.update.map { "tsugite install \($0)" }
                        ?? "update \(statement.package) and restart what uses it")
            }
            return .object(object)
        }
        return [
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": .string(identifier), "author": .string(author),
            "timestamp": .string(report.time), "version": 1, "statements": .array(statements),
        ]
    }

    private static func purl(_ package: String, _ version: String?) -> String {
        "pkg:deb/debian/\(package)" + (version.map { "@\(PercentEncodedVersion.encode($0))" } ?? "")
    }

    /// OSV records of what a channel fixes live: one for each update.
    public static func osv(_ catalogues: [String: Catalogue], modified: String) -> JSON {
        var records: [String: JSON] = [:]
        for (label, catalogue) in catalogues {
            for entry in catalogue.entries where entry.family.kind == .user {
                let id = "TSUGITE-\(label)-\(entry.update.id)"
                records[id] = [
                    "schema_version": "1.6.0", "id": .string(id),
                    "modified": .string(entry.update.published?.description ?? modified),
                    "aliases": .array(entry.update.advisories.map { .string($0) }),
                    "summary": .string(entry.update.summary),
                    "affected": [
                        [
                            "package": ["ecosystem": "Debian", "name": .string(entry.family.name)],
                            "ranges": [
                                [
                                    "type": "ECOSYSTEM",
                                    "events": [
                                        ["introduced": "0"], ["fixed": .string(entry.update.effectiveVersion)],
                                    ],
                                ]
                            ],
                            "database_specific": [
                                "live_update": .string(entry.update.id),
                                "severity": .string(entry.update.severity.rawValue),
                            ],
                        ]
                    ],
                ]
            }
        }
        return .array(records.sorted { $0.key < $1.key }.map(\.value))
    }

    /// OpenMetrics 1.0 text.
    public static func metrics(_ report: TwoAxisReport) -> String {
        var lines: [String] = []
        func family(_ name: String, _ help: String, _ samples: [(labels: String, value: Int64)]) {
            lines += ["# TYPE \(name) gauge", "# HELP \(name) \(help)"]
            lines += samples.map { "\(name)\($0.labels.isEmpty ? "" : "{\($0.labels)}") \($0.value)" }
        }
        family(
            "tsugite_updates_installed", "Live updates that shall be in memory.", [("", Int64(report.installed))])
        family(
            "tsugite_updates_available", "Live updates that an upgrade would install.",
            [("", Int64(report.available))])
        for (axis, state) in [("disk", \TwoAxisReport.Statement.disk), ("memory", \TwoAxisReport.Statement.memory)]
        {
            family(
                "tsugite_advisory_\(axis)_vulnerable",
                "1 if the package is vulnerable \(axis == "disk" ? "on disk" : "in memory").",
                report.statements.map { item in
                    let isBad = item[keyPath: state] == .vulnerable || item[keyPath: state] == .partial
                    return (
                        "advisory=\"\(escaped(item.advisory))\",package=\"\(escaped(item.package))\"", isBad ? 1 : 0
                    )
                })
        }
        family(
            "tsugite_processes_vulnerable", "Processes whose memory lacks a fix.",
            Dictionary(grouping: report.statements, by: \.package).sorted { $0.key < $1.key }.map {
                package, items in
                let pids = Set(items.flatMap(\.processes).filter { $0.state == .vulnerable }.map(\.pid))
                return ("package=\"\(escaped(package))\"", Int64(pids.count))
            })
        family(
            "tsugite_channel_age_seconds", "Seconds since a channel was reached.",
            report.channelAge.sorted { $0.key < $1.key }.map { ("channel=\"\(escaped($0.key))\"", $0.value) })
        return (lines + ["# EOF"]).joined(separator: "\n")
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    /// One line and the exit status that Nagios wants: 0 fine, 1 updates wait, 2 exposed.
    public static func nagios(_ report: TwoAxisReport) -> (text: String, status: Int32) {
        let exposed = report.statements.filter { $0.memory == .vulnerable || $0.memory == .partial }
        let numbers =
            "installed=\(report.installed);available=\(report.available);exposed=\(exposed.count)"
            .split(separator: ";").joined(separator: " ")
        let (word, status): (String, Int32) =
            !exposed.isEmpty ? ("CRITICAL", 2) : report.available > 0 ? ("WARNING", 1) : ("OK", 0)
        let names = exposed.prefix(5).map { "\($0.advisory) in \($0.package)" }.joined(separator: ", ")
        let text = exposed.isEmpty ? "\(report.available) updates available" : "vulnerable in memory: \(names)"
        return ("TSUGITE \(word) - \(text) | \(numbers)", status)
    }
}

/// Versions in package URLs.
enum PercentEncodedVersion {
    static func encode(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain =
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || [45, 46, 95, 126].contains(byte)
            if isPlain { return String(decoding: [byte], as: UTF8.self) }
            let hex = String(byte, radix: 16, uppercase: true)
            return "%" + (hex.count == 1 ? "0" + hex : hex)
        }.joined()
    }
}
