public import Findings

/// How much a finding weighs.
public enum FindingLevel: String, Sendable, Codable, Comparable {
    /// Something is broken, or not to be trusted.
    case error
    /// Something that was wanted doesn't happen.
    case warning
    /// Good to know; a healthy machine may have it.
    case note

    private var weight: Int { self == .error ? 0 : self == .warning ? 1 : 2 }

    /// Worse ones first.
    public static func < (a: FindingLevel, b: FindingLevel) -> Bool { a.weight < b.weight }
}

/// One row of doctor's table: what people see, how it is detected, how much it weighs, whether `--fix` may act.
public struct DoctorEntry: Sendable {
    /// The code; its meaning and remedy stand in the table of codes.
    public let code: FindingCode
    /// How much it weighs.
    public let level: FindingLevel
    /// What people notice.
    public let symptom: String
    /// How it is found out.
    public let detection: String
    /// Arguments of `tsugite` that set it right without asking; nil if a person has to decide.
    public let fix: [String]?

    init(_ code: FindingCode, _ level: FindingLevel, symptom: String, detection: String, fix: [String]? = nil) {
        self.code = code
        self.level = level
        self.symptom = symptom
        self.detection = detection
        self.fix = fix
    }

    /// The row for a code; nil if doctor doesn't look for it.
    public static func of(_ code: FindingCode) -> DoctorEntry? { table.first { $0.code == code } }

    /// All that doctor looks for, on this machine and its mirrors.
    public static let table: [DoctorEntry] = [
        DoctorEntry(
            .clientConfiguration, .error,
            symptom: "Every command ends with the same complaint about a file.",
            detection: "The configuration and the never-lists are read as every command reads them."),
        DoctorEntry(
            .sourceDetached, .error,
            symptom: "An upgrade succeeds and nothing changes: there is nowhere to get updates from.",
            detection: "The list of channels is empty, or no attached channel cares for anything that runs here."),
        DoctorEntry(
            .clientMissing, .error,
            symptom: "Everything that needs the network fails.",
            detection: "tsugite-channel is neither in libexec nor beside the command."),
        DoctorEntry(
            .clientWrong, .warning,
            symptom: "An offline site tries to reach channels, or the other way round.",
            detection: "site: offline stands in the configuration, and the network part is installed all the same."),
        DoctorEntry(
            .clientConflict, .error,
            symptom: "Installing the client fails with a message about conflicting files.",
            detection: "The package tools' logs are read for both shapes of the error, and the package database is "
                + "asked for rival clients."),
        DoctorEntry(
            .labelMismatch, .error,
            symptom: "Updates of one kind never appear, although the channel has them.",
            detection:
                "user_channel, kernel_channel and ring_channel are compared with the attached labels, and ring with "
                + "the rings that the channel has."),
        DoctorEntry(
            .trustKey, .error,
            symptom: "A channel's news are refused.",
            detection: "The last refresh ended with signatures that the trusted keys didn't make."),
        DoctorEntry(
            .trustRollback, .error,
            symptom: "A channel's news are refused after its server or mirror was changed.",
            detection: "The last refresh met a lower version than one that was verified here before."),
        DoctorEntry(
            .trustExpired, .error,
            symptom: "A channel hasn't had news for long.",
            detection: "The expiry in the last verified timestamp is compared with the clock.",
            fix: ["refresh", "--whole"]),
        DoctorEntry(
            .channelNetwork, .warning,
            symptom: "There are no news from a channel.",
            detection: "The last refresh couldn't reach the channel's server."),
        DoctorEntry(
            .channelNotFound, .error,
            symptom: "There are no news from a channel.",
            detection: "The last refresh found a server or folder, and no channel there."),
        DoctorEntry(
            .channelMalformed, .error,
            symptom: "A channel's news are refused.",
            detection: "The last refresh met a file that can't be read, the trusted root of this machine included."),
        DoctorEntry(
            .channelFile, .error,
            symptom: "There never are news from a channel.",
            detection: "The last refresh couldn't read or write a file of this machine, such as the trusted root."),
        DoctorEntry(
            .mirrorFailed, .error,
            symptom: "Clients of the mirror miss updates.",
            detection: "The state of the mirror's last run, with each item's own error."),
        DoctorEntry(
            .mirrorSpace, .error,
            symptom: "The mirror's runs end early.",
            detection: "What the last run needed is compared with what is free now; the growth of earlier runs is "
                + "carried forward for a week."),
        DoctorEntry(
            .mirrorStale, .warning,
            symptom: "Old updates are served, and every job succeeds.",
            detection: "The time of the last good run of each mirror, and of the last good look at each channel, "
                + "against stale_after_days; a channel that was never asked is told at once."),
        DoctorEntry(
            .bootLoop, .error,
            symptom: "After a reboot the updates aren't there.",
            detection: "The memory of boots says that the set was held back."),
        DoctorEntry(
            .powerLoss, .warning,
            symptom: "The machine went down during an action.",
            detection: "The journal of an action is open, and the boot id is another one.",
            fix: ["boot", "replay"]),
        DoctorEntry(
            .planUnfinished, .warning,
            symptom: "An action was killed half-way.",
            detection: "The journal of an action of this boot is open, and nobody is working on it.",
            fix: ["upgrade", "--offline", "-y"]),
        DoctorEntry(
            .processBusy, .warning,
            symptom: "An update is in memory of some processes and not of others.",
            detection: "The last action's report names thread, function and stack, and the process still lacks it."),
        DoctorEntry(
            .processNeverReturns, .warning,
            symptom: "An update is deferred for the same process each time.",
            detection:
                "The last action's report names a thread that stayed in one call, and the process still lacks "
                + "the update."),
        DoctorEntry(
            .processMismatch, .error,
            symptom: "An update made for this very build is refused by a process.",
            detection:
                "The last action's report names a function that isn't in memory as it was built, and the process "
                + "still lacks the update."),
        DoctorEntry(
            .processUnpatchable, .warning,
            symptom: "A process is passed over each time.",
            detection: "Each process that an update concerns is looked at: tracer, word size, never-list."),
        DoctorEntry(
            .processNamespace, .note,
            symptom: "A process sees another file system, such as a container's.",
            detection: "Its mount namespace is another one, and an update for what it runs isn't in its memory yet."
        ),
        DoctorEntry(
            .libraryUnknown, .warning,
            symptom: "list-targets shows nothing for a library that a channel cares for.",
            detection:
                "The files of a package that a channel has updates for are mapped in a build that the channel "
                + "doesn't know, and the version on disk is older than the fixed one."),
        DoctorEntry(
            .libraryDeleted, .warning,
            symptom: "A package was updated on disk, and processes still run the old build.",
            detection: "Mapped files of packages that were replaced on disk, and that no update covers in memory."),
        DoctorEntry(
            .autoOff, .warning,
            symptom: "Updates are known and nothing happens.",
            detection: "The plan of an upgrade has steps, and autoinstall is off."),
        DoctorEntry(
            .updateWithdrawn, .warning,
            symptom: "The publisher took an update back, and it is still in memory.",
            detection:
                "Installed updates are compared with what the channels took back, where withdrawn: warn is set."
        ),
        DoctorEntry(
            .updateLeftOut, .note,
            symptom: "An update is on offer and isn't installed.",
            detection:
                "The plan of an upgrade leaves it out: a hold, a pin, the cut-off date, or a ring that doesn't "
                + "approve it."),
        DoctorEntry(
            .kernelNothingYet, .note,
            symptom: "There is no update for this kernel.",
            detection: "A channel names the running kernel's family, and has nothing in it."),
        DoctorEntry(
            .kernelUnsupported, .warning,
            symptom: "There never is an update for this kernel.",
            detection: "A channel cares for kernels, and the running one isn't among them."),
        DoctorEntry(
            .kernelOops, .error,
            symptom: "The kernel reported an error, and a live patch is in its trace.",
            detection: "The kernel's log of this boot is searched for errors with a function of a live patch."),
        DoctorEntry(
            .kernelSuspended, .error,
            symptom: "A kernel patch isn't applied again after a boot.",
            detection:
                "The record of the kernel's replay: the machine died with the set, or boots ended without a word."
        ),
        DoctorEntry(
            .kernelStalled, .warning,
            symptom: "A kernel patch neither goes in nor comes out.",
            detection: "A transition of the running kernel that waits for tasks; each is named."),
        DoctorEntry(
            .kernelMismatch, .error,
            symptom: "A kernel patch for this very kernel is refused.",
            detection:
                "The last action's report names a function that isn't in memory as it was shipped, and the kernel "
                + "still lacks the update."),
        DoctorEntry(
            .kernelConflict, .warning,
            symptom: "A kernel patch is refused because somebody else was there first.",
            detection:
                "The last action's report names the probe, the BPF program or the other live patch, and the kernel "
                + "still lacks the update."),
        DoctorEntry(
            .effectiveStale, .warning,
            symptom: "Scanners see other versions than those in memory.",
            detection: "The recorded versions are compared with what is read back from all processes.",
            fix: ["effective", "--refresh"]),
        DoctorEntry(
            .clientDisabled, .note,
            symptom: "Timers and boot do nothing.",
            detection: "The kernel's command line and /etc/tsugite/disable."),
    ]
}
