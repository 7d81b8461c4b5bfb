// Codes of the client and of doctor; docs/findings has a page for each.

extension FindingCode {
    /// The configuration holds a line that can't be read; evidence: file, line.
    public static let clientConfiguration = FindingCode(rawValue: "CLI-CONFIG")
    /// Another command holds this machine's lock; evidence: holder.
    public static let clientLocked = FindingCode(rawValue: "CLI-LOCKED")
    /// A file of the client's own state can't be read.
    public static let clientState = FindingCode(rawValue: "CLI-STATE")
    /// No update of that name is known here.
    public static let clientUpdateUnknown = FindingCode(rawValue: "CLI-UNKNOWN-UPDATE")
    /// An update on offer isn't installed; evidence: update.
    public static let updateLeftOut = FindingCode(rawValue: "CLI-LEFT-OUT")
    /// A kill switch is on; evidence: which.
    public static let clientDisabled = FindingCode(rawValue: "CLI-DISABLED")
    /// A health check failed after an update; evidence: command, output.
    public static let clientUnhealthy = FindingCode(rawValue: "CLI-UNHEALTHY")
    /// An installed update was taken back by its publisher; evidence: update, reason.
    public static let updateWithdrawn = FindingCode(rawValue: "CLI-WITHDRAWN")
    /// No channel is attached for a target; evidence: target.
    public static let sourceDetached = FindingCode(rawValue: "SRC-DETACHED")
    /// A part of the client isn't installed; evidence: path.
    public static let clientMissing = FindingCode(rawValue: "CLI-MISSING")
    /// Online client at an offline site, or the reverse; evidence: packages.
    public static let clientWrong = FindingCode(rawValue: "CLI-WRONG")
    /// Rival client packages own one file; evidence: package, file.
    public static let clientConflict = FindingCode(rawValue: "CLI-CONFLICT")
    /// A mirror's or channel's metadata is older than policy; evidence: age.
    public static let mirrorStale = FindingCode(rawValue: "MIR-STALE")
    /// The last synchronisation of a mirror failed; evidence: item, error.
    public static let mirrorFailed = FindingCode(rawValue: "MIR-FAILED")
    /// A mirror's disk is too small; evidence: needed, free.
    public static let mirrorSpace = FindingCode(rawValue: "MIR-SPACE")
    /// The process lives in another mount namespace or root; evidence: namespace.
    public static let processNamespace = FindingCode(rawValue: "USR-NS")
    /// A process can't be patched at all; evidence: reason.
    public static let processUnpatchable = FindingCode(rawValue: "USR-UNPATCHABLE")
    /// A mapped library's build is in no channel; evidence: build-id.
    public static let libraryUnknown = FindingCode(rawValue: "LIB-UNKNOWN")
    /// The library's file was replaced on disk; evidence: path.
    public static let libraryDeleted = FindingCode(rawValue: "LIB-DELETED")
    /// A configured label isn't among the channels; evidence: label, nearest.
    public static let labelMismatch = FindingCode(rawValue: "LBL-MISMATCH")
    /// Updates are available and nothing installs them; evidence: updates.
    public static let autoOff = FindingCode(rawValue: "AUTO-OFF")
    /// The last replay was followed by a crash; evidence: boots.
    public static let bootLoop = FindingCode(rawValue: "BOOT-LOOP")
    /// The machine went down while an action was under way; evidence: action.
    public static let powerLoss = FindingCode(rawValue: "PWR-LOSS")
    /// An action ended before it was done; evidence: action.
    public static let planUnfinished = FindingCode(rawValue: "PLAN-UNFINISHED")
    /// The recorded effective version doesn't match memory; evidence: recorded, found.
    public static let effectiveStale = FindingCode(rawValue: "EFF-STALE")
    /// A channel's metadata expired; evidence: channel, expiry.
    public static let trustExpired = FindingCode(rawValue: "TRUST-EXPIRED")
    /// A channel is signed by unknown keys; evidence: channel.
    public static let trustKey = FindingCode(rawValue: "TRUST-KEY")
    /// A channel went back to an older version; evidence: channel.
    public static let trustRollback = FindingCode(rawValue: "TRUST-ROLLBACK")
    /// A channel cares for this kernel and has no update for it: good news.
    public static let kernelNothingYet = FindingCode(rawValue: "KRN-NOTHING-YET")
    /// No attached channel knows the running kernel; evidence: release, version.
    public static let kernelUnsupported = FindingCode(rawValue: "KRN-UNSUPPORTED")

    /// The rows of these codes.
    static let clientTable: [Entry] = [
        Entry(
            code: .clientConfiguration,
            meaning: "A file of the configuration holds a line that can't be read or a value that isn't allowed.",
            remedy: "Correct the line that the message names; tsugite doctor checks again."),
        Entry(
            code: .clientLocked,
            meaning: "Another command of tsugite is changing this machine.",
            remedy: "Wait for the process that the message names, or give a longer time with --lock-wait."),
        Entry(
            code: .clientState,
            meaning: "The client's own record can't be read or written.",
            remedy: "Check the folder /var/lib/tsugite and the free space: df -h /var/lib/tsugite."),
        Entry(
            code: .clientUpdateUnknown,
            meaning: "No update of that name is installed or available for what runs here.",
            remedy: "See the names: tsugite show --available."),
        Entry(
            code: .updateLeftOut,
            meaning:
                "An update is available and policy leaves it out: ring, hold, pin, cut-off date or never-list.",
            remedy: "The message names the rule; tsugite plan upgrade shows all."),
        Entry(
            code: .clientDisabled,
            meaning:
                "Nothing is done by itself: the kernel argument notsugite or the file /etc/tsugite/disable says so.",
            remedy: "Remove /etc/tsugite/disable, or boot without notsugite; an order by hand is still carried out."
        ),
        Entry(
            code: .clientUnhealthy,
            meaning: "A health check failed during a trial, and the update was taken out again.",
            remedy: "Look at the check's output, then try another version or hold the update: tsugite hold ID."),
        Entry(
            code: .updateWithdrawn,
            meaning: "An installed update was taken back by its publisher, and policy leaves it in.",
            remedy: "Take it out: tsugite remove ID; or let upgrades do that: withdrawn: undo."),
        Entry(
            code: .sourceDetached,
            meaning: "No channel is attached for what should be updated, so a job would succeed without work.",
            remedy: "Attach one in /etc/tsugite/tsugite.yaml under channels, then: tsugite upgrade."),
        Entry(
            code: .clientMissing,
            meaning: "A part of the client that is needed isn't installed.",
            remedy: "Install the whole client: apt-get install tsugite."),
        Entry(
            code: .clientWrong,
            meaning: "The client package for the other kind of site is installed.",
            remedy: "Swap the packages as the message says."),
        Entry(
            code: .clientConflict,
            meaning: "A package transaction failed because rival clients own the same file.",
            remedy: "Remove the package that the message names, then install again."),
        Entry(
            code: .mirrorStale,
            meaning: "The mirror hasn't been brought in step for too long, so old updates are served.",
            remedy: "tsugite mirror sync FOLDER, then repair its timer: tsugite mirror schedule FOLDER."),
        Entry(
            code: .mirrorFailed,
            meaning: "The mirror's last run failed, or could not bring some files.",
            remedy: "tsugite mirror sync FOLDER again; each item's own error is in the evidence."),
        Entry(
            code: .mirrorSpace,
            meaning: "The mirror needs more room than its disk has, or will soon.",
            remedy: "Grow the volume, tsugite mirror prune FOLDER, or mirror with --cache."),
        Entry(
            code: .processNamespace,
            meaning: "The process sees another file system; it is patched through its memory all the same.",
            remedy: "Nothing is to be done for the process; update the files inside of its own root, too."),
        Entry(
            code: .processUnpatchable,
            meaning: "A process can't be patched: traced, 32-bit, static and unknown, or on the never-list.",
            remedy: "Update the package on disk, then restart the service that the message names."),
        Entry(
            code: .libraryUnknown,
            meaning: "A running library is a build that no attached channel knows.",
            remedy: "Update the package and restart, or ask the channel's publisher for this build-id."),
        Entry(
            code: .libraryDeleted,
            meaning: "Processes still run a build of a library whose file was replaced on disk.",
            remedy: "Restart the services that the message names, or patch the running build."),
        Entry(
            code: .labelMismatch,
            meaning: "The configured channel label isn't among the attached channels.",
            remedy: "Set the key to the label that the message names."),
        Entry(
            code: .autoOff,
            meaning: "Updates are available, and policy is to install by hand.",
            remedy: "tsugite upgrade, or set autoinstall: yes in /etc/tsugite/tsugite.yaml."),
        Entry(
            code: .bootLoop,
            meaning: "The machine crashed after the last replay at boot, so the set is held back.",
            remedy: "Look with journalctl -b -1, then: tsugite resume."),
        Entry(
            code: .powerLoss,
            meaning: "The machine went down in the middle of an action; memory was lost, disk is whole.",
            remedy: "tsugite boot replay restores the set; then repeat what was interrupted."),
        Entry(
            code: .planUnfinished,
            meaning: "An action of this boot ended before it was done.",
            remedy: "tsugite upgrade finishes it; tsugite plan undo shows the way back."),
        Entry(
            code: .effectiveStale,
            meaning: "The recorded effective version doesn't match what is in memory.",
            remedy: "tsugite effective --refresh computes it again."),
        Entry(
            code: .trustExpired,
            meaning:
                "What this machine knows of a channel has expired: it isn't renewed, or somebody withholds news.",
            remedy: "Check the clock (timedatectl), then tsugite refresh; if it stays, ask the channel's publisher."
        ),
        Entry(
            code: .trustKey,
            meaning: "A channel's metadata isn't signed by the keys that this machine trusts.",
            remedy: "Don't use this mirror; ask the publisher whether keys were changed without a signed root."),
        Entry(
            code: .trustRollback,
            meaning: "A channel offers something older than this machine has seen.",
            remedy: "Wait for the mirror to catch up, or use another one; tell the publisher if it stays."),
        Entry(
            code: .kernelNothingYet,
            meaning: "The channel cares for this kernel and has no update for it yet: nothing is needed.",
            remedy: "Nothing is to be done; updates will come by themselves."),
        Entry(
            code: .kernelUnsupported,
            meaning: "No attached channel knows the running kernel.",
            remedy: "Boot a kernel that a channel cares for: tsugite list-targets."),
    ]
}
