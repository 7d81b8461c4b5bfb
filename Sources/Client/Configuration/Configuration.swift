import Findings
import Linux

/// What the site decided: `/etc/tsugite/tsugite.yaml`.
///
/// The classic switches have their classic names.
public struct Configuration: Sendable, Equatable {
    /// A channel that this machine follows.
    public struct Source: Sendable, Equatable {
        /// The site's name for it.
        public var label: String
        /// Where `metadata/` and `targets/` lie.
        public var url: String
        /// The root metadata to start from.
        public var trustedRoot: String
        /// Only what this ring approves; nil for everything.
        public var ring: String?
        /// The channel that holds the ring, if it is another one.
        public var ringChannel: String?
    }

    /// What happens to an installed update that its publisher took back.
    public enum Withdrawn: String, Sendable, CaseIterable {
        /// It is taken out by the next upgrade.
        case undo
        /// It stays, and doctor says so.
        case warn
    }

    /// What happens to a live patch with whose code the kernel failed.
    public enum KernelOopsPolicy: String, Sendable, CaseIterable {
        /// It is taken out at once, and isn't applied at the next boot.
        case undo
        /// It stays; the log, status and doctor say so.
        case warn
    }

    /// Whether channels are reached over a network.
    enum Site: String, CaseIterable {
        case online
        case offline
    }

    /// How much is said by what runs by itself; each level says what the ones before it say, and more.
    public enum LogLevel: String, Sendable, CaseIterable, Comparable {
        /// What went wrong.
        case error
        /// What changed.
        case info
        /// What was looked at and left alone.
        case debug

        /// In the order of the cases.
        public static func < (a: LogLevel, b: LogLevel) -> Bool {
            (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
        }
    }

    /// The channels, most trusted first.
    public var channels: [Source] = []
    /// The same set after a reboot into the same kernel.
    public var installOnReboot = true
    /// Everything that is available after a reboot.
    public var upgradeOnReboot = false
    /// Whether the timer installs by itself.
    public var autoinstall = false
    /// Whether a package of updates only places its files.
    public var skipApplyAfterPackageInstall = false
    /// Nothing published after this moment (`effective_version: 2026-01-31`).
    public var cutOff: String?
    /// Family or update ids that are left alone.
    public var hold: [String] = []
    /// Highest versions: `libssl3=3.0.15-1`.
    public var pins: [String] = []
    /// The label that user space updates come from, if only one may.
    public var userChannel: String?
    /// The same for the kernel.
    public var kernelChannel: String?
    /// `http://HOST:PORT`; `none` forbids one.
    public var proxy: String?
    /// PEM file of authorities.
    public var caFile: String?
    /// Seconds between two checks.
    public var checkIntervalSeconds = 4 * 3600
    /// Seconds by which a check is put off at random, at most.
    public var jitterSeconds = 1800
    /// When the timer may change something; always if empty.
    public var windows: [UpdateWindow] = []
    /// Commands that must succeed during a trial.
    public var healthChecks: [String] = []
    /// See ``Withdrawn``.
    public var withdrawn = Withdrawn.undo
    /// See ``KernelOopsPolicy``.
    public var kernelOops = KernelOopsPolicy.undo
    /// Seconds for which a busy process is tried again.
    public var waitSeconds = 30
    /// Unclean ends in a row, shortly after a replay, until the set is held back.
    public var crashLoopLimit = 3
    /// Days without a successful check until doctor speaks up.
    public var staleDays = 7
    /// Folders of mirrors that this machine keeps; doctor looks after them.
    public var mirrors: [String] = []
    /// Whether this site has no network to channels; then the network part shouldn't be here.
    public var isOffline = false
    /// See ``LogLevel``.
    public var logLevel = LogLevel.info

    /// The defaults.
    public init() {}

    /// Reads the file; without one, the defaults hold.
    public static func load(_ path: String) throws(ClientError) -> Configuration {
        guard FileFacts.exists(path) else { return Configuration() }
        let text = try asClient { () throws(SystemError) in try FileSystem.readText(path, limit: 1 << 20) }
        return try Configuration(text, file: path)
    }
}

extension Configuration {
    /// Reads the text of a file.
    /// - Throws: `CLI-CONFIG`, naming line, key and what is allowed there.
    public init(_ text: String, file: String) throws(ClientError) {
        do throws(YAMLError) {
            for entry in try SimpleYAML.parse(text) { try set(entry.key, entry.value) }
        } catch {
            throw ClientError(
                .clientConfiguration, "\(file), line \(error.line): \(error.what)",
                ["file": file, "line": "\(error.line)"], remedy: "Correct line \(error.line) of \(file).")
        }
    }

    private mutating func set(_ key: String, _ value: YAMLValue) throws(YAMLError) {
        let reader = ValueReader(key: key, value: value)
        switch key {
        case "channels":
            channels = try reader.maps().map { map throws(YAMLError) in try Self.source(map, value.line) }
        case "install_on_reboot": installOnReboot = try reader.bool()
        case "upgrade_on_reboot": upgradeOnReboot = try reader.bool()
        case "autoinstall": autoinstall = try reader.bool()
        case "skip_apply_after_pkg_install": skipApplyAfterPackageInstall = try reader.bool()
        case "effective_version": cutOff = try reader.date()
        case "hold": hold = try reader.texts()
        case "pins": pins = try reader.texts { $0.contains("=") ? nil : "PACKAGE=VERSION" }
        case "user_channel": userChannel = try reader.text()
        case "kernel_channel": kernelChannel = try reader.text()
        case "proxy": proxy = try reader.text()
        case "ca_file": caFile = try reader.text()
        case "check_interval": checkIntervalSeconds = try reader.seconds()
        case "jitter": jitterSeconds = try reader.seconds()
        case "windows": windows = try reader.windows()
        case "health_checks": healthChecks = try reader.texts()
        case "withdrawn": withdrawn = try reader.choice(Withdrawn.self)
        case "kernel_oops": kernelOops = try reader.choice(KernelOopsPolicy.self)
        case "wait": waitSeconds = try reader.seconds()
        case "crash_loop_limit": crashLoopLimit = try reader.number(1...100)
        case "stale_after_days": staleDays = try reader.number(1...3650)
        case "mirrors": mirrors = try reader.texts()
        case "site": isOffline = try reader.choice(Site.self) == .offline
        case "log_level": logLevel = try reader.choice(LogLevel.self)
        default:
            let near = NearestName.of(key, in: Self.keys).map { "; did you mean \($0)?" } ?? ""
            throw YAMLError(
                line: value.line, what: "there is no key \(key)\(near) Known: \(Self.keys.joined(separator: ", "))")
        }
    }

    /// All keys of the file.
    static let keys = [
        "channels", "install_on_reboot", "upgrade_on_reboot", "autoinstall", "skip_apply_after_pkg_install",
        "effective_version", "hold", "pins", "user_channel", "kernel_channel", "proxy", "ca_file", "check_interval",
        "jitter", "windows", "health_checks", "withdrawn", "kernel_oops", "wait", "crash_loop_limit",
        "stale_after_days", "mirrors", "site", "log_level",
    ]

    private static func source(_ map: [YAMLEntry], _ line: Int) throws(YAMLError) -> Source {
        var source = Source(label: "", url: "", trustedRoot: "")
        for entry in map {
            let (key, value) = (entry.key, entry.value)
            let text = try ValueReader(key: key, value: value).text()
            switch key {
            case "label": source.label = text
            case "url": source.url = text
            case "trusted_root": source.trustedRoot = text
            case "ring": source.ring = text
            case "ring_channel": source.ringChannel = text
            default:
                throw YAMLError(
                    line: value.line,
                    what: "a channel has no \(key); allowed: label, url, trusted_root, ring, ring_channel")
            }
        }
        guard !source.label.isEmpty, !source.url.isEmpty else {
            throw YAMLError(line: map.first?.value.line ?? line, what: "a channel needs label and url")
        }
        guard source.label.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || ".+-_~:".contains($0)) }),
            source.label.first.map({ $0.isLetter || $0.isNumber }) == true
        else { throw YAMLError(line: line, what: "label \(source.label): allowed are letters, digits and .+-_~:") }
        if source.trustedRoot.isEmpty { source.trustedRoot = "/etc/tsugite/trust/\(source.label).root.json" }
        return source
    }
}
