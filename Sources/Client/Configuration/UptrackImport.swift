import Findings

/// Reads an `uptrack.conf` and writes the `tsugite.yaml` that means the same.
///
/// What has no counterpart is named in a comment, so that nobody believes it is still in force.
public enum UptrackImport {
    /// The new file's text, and the keys that were left behind.
    public static func convert(_ text: String) throws(ClientError) -> (yaml: String, dropped: [String]) {
        var lines = ["# Made from uptrack.conf by tsugite import-config."]
        var dropped: [String] = []
        var section = ""
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = raw.trimmed()
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
            if line.hasPrefix("[") {
                section = String(line.dropFirst().prefix { $0 != "]" })
                continue
            }
            guard let equals = line.firstIndex(of: "=") else {
                throw ClientError(
                    .clientConfiguration, "line \(index + 1): expected KEY = VALUE", ["line": "\(index + 1)"],
                    remedy: "Correct line \(index + 1) of uptrack.conf.")
            }
            let key = String(line[..<equals].trimmed())
            let value = String(line[line.index(after: equals)...].trimmed())
            if let converted = try convert(key, value, line: index + 1) {
                lines.append(converted)
            } else if !value.isEmpty {
                dropped.append("[\(section)] \(key)")
            }
        }
        for name in dropped { lines.append("# not taken over, there is no counterpart: \(name)") }
        return (lines.joined(separator: "\n") + "\n", dropped)
    }

    private static let switches: Set<String> = [
        "install_on_reboot", "upgrade_on_reboot", "autoinstall", "skip_apply_after_pkg_install",
    ]

    private static func convert(_ key: String, _ value: String, line: Int) throws(ClientError) -> String? {
        if value.isEmpty { return nil }
        if switches.contains(key) {
            guard ["yes", "no", "true", "false", "on", "off", "1", "0"].contains(value.lowercased()) else {
                throw ClientError(
                    .clientConfiguration, "line \(line): \(key) is \"\(value)\", allowed: yes, no",
                    ["line": "\(line)"], remedy: "Correct line \(line) of uptrack.conf.")
            }
            return "\(key): \(value.lowercased())"
        }
        return switch key {
        case "https_proxy": "proxy: \"\(value)\""
        case "ssl_ca_cert_file": "ca_file: \"\(value)\""
        case "yum_userspace_ksplice_repo_name": "user_channel: \"\(value)\""
        case "effective_version" where Period.isDate(value): "effective_version: \(value)"
        default: nil
        }
    }
}
