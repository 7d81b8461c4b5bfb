public import Channel

/// A report in the forms that other tools read.
public enum ReportFormats {
    /// What this machine's memory says, for OpenVEX and CSAF: one statement for each advisory and package.
    public static func statements(_ report: TwoAxisReport) -> [VEXStatement] {
        report.statements.map { item in
            let isFixed = item.memory == .fixed || (item.memory == .absent && item.disk == .fixed)
            let covered = item.processes.count { $0.state == .fixed }
            return VEXStatement(
                advisory: item.advisory, package: item.package, version: item.diskVersion, isFixed: isFixed,
                note: "on disk \(item.disk.rawValue), in memory \(item.memory.rawValue)"
                    + " (\(covered) of \(item.processes.count) processes)",
                action: isFixed
                    ? nil
                    : item.update.map { "tsugite install \($0)" }
                        ?? "update \(item.package) and restart what uses it", isLive: item.update != nil)
        }
    }

    /// One line and the exit status that Nagios wants: 0 fine, 1 updates wait, 2 exposed.
    public static func nagios(_ report: TwoAxisReport) -> (text: String, status: Int32) {
        let exposed = report.statements.filter(\.isExposed)
        let numbers =
            "installed=\(report.installed) available=\(report.available) exposed=\(exposed.count)"
        let (word, status): (String, Int32) =
            !exposed.isEmpty ? ("CRITICAL", 2) : report.available > 0 ? ("WARNING", 1) : ("OK", 0)
        let names = exposed.prefix(5).map { "\($0.advisory) in \($0.package)" }.joined(separator: ", ")
        let text = exposed.isEmpty ? "\(report.available) updates available" : "vulnerable in memory: \(names)"
        return ("TSUGITE \(word) - \(text) | \(numbers)", status)
    }
}
