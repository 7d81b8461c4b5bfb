/// A report as OpenMetrics 1.0 text (openmetrics.io), for Prometheus and its kin.
public enum OpenMetrics {
    /// The whole exposition, which ends with `# EOF`.
    public static func text(_ report: TwoAxisReport) -> String {
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
        family(
            "tsugite_advisory_disk_vulnerable", "1 if the package is vulnerable on disk.",
            report.statements.map { (labels($0), $0.disk == .vulnerable ? 1 : 0) })
        family(
            "tsugite_advisory_memory_vulnerable", "1 if a process runs the vulnerable code.",
            report.statements.map { (labels($0), $0.isExposed ? 1 : 0) })
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

    private static func labels(_ item: TwoAxisReport.Statement) -> String {
        "advisory=\"\(escaped(item.advisory))\",package=\"\(escaped(item.package))\""
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
