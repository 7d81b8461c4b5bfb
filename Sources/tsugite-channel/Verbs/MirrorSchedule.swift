import ArgumentParser
import Channel
import Console
import Findings
import Linux

/// Makes a mirror run by itself.
struct MirrorSchedule: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule", abstract: "Let systemd bring a mirror in step, again and again.",
        discussion: """
            Writes a service and a timer, with a random delay so that mirrors don't all come at once, and starts the \\
            timer if systemd runs here. --remove takes both away.

            EXAMPLE
              tsugite mirror schedule /srv/mirror --from http://channel.example/ --every 4h --jitter 30m
            """)

    @Argument(help: "Folder of the mirror.") var folder: String
    @Option(help: "Address of the channel.") var from: String?
    @Option(help: "How often: 30m, 4h, 1d.") var every = "4h"
    @Option(help: "At most how much later, at random.") var jitter = "30m"
    @Option(help: "Where units are written.") var units = "/etc/systemd/system"
    @Flag(help: "Take the schedule away.") var remove = false

    func validate() throws {
        guard remove || from != nil else { throw ValidationError("Give --from ADDRESS, or --remove.") }
        func isTime(_ text: String) -> Bool {
            text.count >= 2 && "smhd".contains(text.last ?? " ")
                && text.dropLast().allSatisfy { $0.isASCII && $0.isNumber }
        }
        guard isTime(every), isTime(jitter) else { throw ValidationError("Times are written 30m, 4h or 1d.") }
        guard every.contains(where: { ("1"..."9").contains($0) }) else {
            throw ValidationError("--every is a time between two runs, so more than nothing: 30m, 4h, 1d.")
        }
        if let from { try AddressWords.check(from) }
        guard folder.hasPrefix("/"), !folder.contains("\n"), !folder.contains("'"),
            !(from ?? "").contains("'"), !(from ?? "").contains("\n"), !(from ?? "").contains("%")
        else { throw ValidationError("Give the folder from / on, without quotes.") }
    }

    func run() throws {
        try reportingErrors(json: false) {
            let name = "tsugite-mirror-" + String(folder.dropFirst().map { $0.isLetter || $0.isNumber ? $0 : "-" })
            let service = "\(units)/\(name).service"
            let timer = "\(units)/\(name).timer"
            if remove {
                systemctl("disable", "--now", "\(name).timer")
                for path in [service, timer] where FileFacts.exists(path) { try FileSystem.remove(path) }
                systemctl("daemon-reload")
                return Output.result("\(folder) isn't brought in step by itself any more")
            }
            try FileSystem.makeDirectory(units)
            try FileSystem.replace(service, with: serviceText)
            try FileSystem.replace(timer, with: timerText)
            systemctl("daemon-reload")
            systemctl("enable", "--now", "\(name).timer")
            Output.result("\(folder) is brought in step every \(every); see systemctl list-timers \(name).timer")
        }
    }

    private var serviceText: String {
        """
        [Unit]
        Description=Bring the mirror in \(folder) in step
        Wants=network-online.target
        After=network-online.target

        [Service]
        Type=oneshot
        ExecStart=/usr/bin/tsugite mirror sync '\(folder)' --from '\(from ?? "")'
        # Some files failed: the rest is served, and the next run tries again.
        SuccessExitStatus=11
        Nice=5

        """
    }

    private var timerText: String {
        """
        [Unit]
        Description=Bring the mirror in \(folder) in step, again and again

        [Timer]
        OnBootSec=5min
        OnUnitInactiveSec=\(every)
        RandomizedDelaySec=\(jitter)
        Persistent=true

        [Install]
        WantedBy=timers.target

        """
    }

    private func systemctl(_ words: String...) {
        guard units == "/etc/systemd/system", FileFacts.exists("/run/systemd/system") else { return }
        _ = try? Command("systemctl", words, timeout: .seconds(60)).run()
    }
}

/// Brings a mirror in step from a bundle.
struct MirrorImport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Bring a mirror in step from a bundle, verified as from the network.",
        discussion:
            "A bundle's seal is not a timestamp, so clients of the mirror are served the channel's own timestamp.")

    @Argument(help: "The bundle.") var bundle: String
    @Argument(help: "Folder of the mirror.") var folder: String
    @Option(help: "The root metadata to start from, got by a trusted way; the first time.") var trustedRoot: String?

    func run() throws {
        try reportingChannelErrors { () throws(ChannelError) in
            let mirror = Mirror(folder: folder)
            if let trustedRoot, try !mirror.hasRoot { try Updater.initialise(mirror.store, rootFile: trustedRoot) }
            let status = try mirror.take(try BundleFetcher(bundle))
            Output.result("\(folder): \(status.state.rawValue), \(status.files) files")
        }
    }
}
