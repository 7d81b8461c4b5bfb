// The one table of codes, shared by commands, agent, hub and documents. Grouped by the room that speaks.
// Add a code: a static member, a row in `table`. A test checks that every member has its row and that
// docs/findings.md names it.

extension FindingCode {
    /// An ELF file or object is malformed; evidence: offset.
    public static let elfMalformed = FindingCode(rawValue: "ELF-MALFORMED")
    /// A system call failed; evidence: call, errno.
    public static let systemCall = FindingCode(rawValue: "SYS-CALL")
    /// A file could not be opened or read; evidence: call, errno, path.
    public static let fileUnreadable = FindingCode(rawValue: "SYS-FILE")
    /// A patch file is damaged, truncated or not ours.
    public static let patchMalformed = FindingCode(rawValue: "TSP-MALFORMED")
    /// A patch file was made by a newer version of the format.
    public static let patchVersion = FindingCode(rawValue: "TSP-VERSION")
    /// A patch file is for another processor architecture.
    public static let patchArchitecture = FindingCode(rawValue: "TSP-ARCHITECTURE")

    // Channels.

    /// A channel's metadata breaks the format; evidence: subject.
    public static let channelMalformed = FindingCode(rawValue: "CHN-MALFORMED")
    /// Fewer valid signatures than the role's threshold; evidence: subject, clause.
    public static let channelSignatures = FindingCode(rawValue: "CHN-SIGNATURES")
    /// Metadata expired; evidence: subject, clause.
    public static let channelExpired = FindingCode(rawValue: "CHN-EXPIRED")
    /// Older than what was already trusted; evidence: subject, clause.
    public static let channelRollback = FindingCode(rawValue: "CHN-ROLLBACK")
    /// A version, length or hash differs from the signed one; evidence: subject, clause.
    public static let channelMismatch = FindingCode(rawValue: "CHN-MISMATCH")
    /// More bytes than announced; evidence: subject.
    public static let channelTooLong = FindingCode(rawValue: "CHN-TOO-LONG")
    /// The server has no such file; evidence: subject.
    public static let channelNotFound = FindingCode(rawValue: "CHN-NOT-FOUND")
    /// The server can't be reached; evidence: subject.
    public static let channelNetwork = FindingCode(rawValue: "CHN-NETWORK")
    /// Data arrives too slowly; evidence: subject.
    public static let channelSlow = FindingCode(rawValue: "CHN-SLOW")
    /// No trusted role lists the target; evidence: subject.
    public static let channelNoTarget = FindingCode(rawValue: "CHN-NO-TARGET")
    /// A key can't be read or used; evidence: subject.
    public static let channelKey = FindingCode(rawValue: "CHN-KEY")
    /// Another process holds the channel's lock; evidence: subject.
    public static let channelLocked = FindingCode(rawValue: "CHN-LOCKED")
    /// A local file can't be read or written; evidence: subject.
    public static let channelFile = FindingCode(rawValue: "CHN-FILE")
    /// Workflow steps in a forbidden order; evidence: subject.
    public static let channelOrder = FindingCode(rawValue: "CHN-ORDER")

    /// All codes this version knows.
    public static let table: [Entry] = [
        Entry(
            code: .elfMalformed, meaning: "An ELF file breaks the ELF specification or is truncated.",
            remedy: "Check that the file was copied whole; readelf -a FILE shows the same damage."),
        Entry(
            code: .systemCall, meaning: "The system refused a call that was needed.",
            remedy: "Run as root, or see the evidence for the call and the reason it gave."),
        Entry(
            code: .fileUnreadable, meaning: "A file that is needed could not be opened or read.",
            remedy: "Check the path and its permissions."),
        Entry(
            code: .patchMalformed, meaning: "A patch file is damaged, truncated, or not a live patch.",
            remedy: "Fetch or build it again; tsugite inspect FILE checks it."),
        Entry(
            code: .patchVersion, meaning: "A patch file needs a newer tsugite.",
            remedy: "Upgrade tsugite on this machine."),
        Entry(
            code: .patchArchitecture, meaning: "A patch file is for another processor architecture.",
            remedy: "Build or fetch the patch for this machine's architecture."),
        Entry(
            code: .channelMalformed, meaning: "A channel's metadata breaks the format.",
            remedy: "Try another mirror; tsugite channel check names the damaged file on the publisher's side."),
        Entry(
            code: .channelSignatures, meaning: "A role's metadata isn't signed by enough of its keys.",
            remedy: "Don't use this mirror; ask the publisher whether keys were changed without a signed root."),
        Entry(
            code: .channelExpired,
            meaning: "A role's metadata has expired: the mirror isn't synchronised, or somebody withholds updates.",
            remedy: "Check this machine's clock (timedatectl), then the mirror: tsugite mirror sync."),
        Entry(
            code: .channelRollback,
            meaning: "The server offers something older than this machine has already seen.",
            remedy: "Try another mirror; an honest mirror that lags catches up with tsugite mirror sync."),
        Entry(
            code: .channelMismatch, meaning: "A file isn't the one that was signed.",
            remedy: "Fetch again; if it stays, the mirror is damaged or dishonest: tsugite mirror sync repairs it."),
        Entry(
            code: .channelTooLong, meaning: "The server sends more than was announced.",
            remedy: "Try another mirror; a proxy that answers with its own pages does this too."),
        Entry(
            code: .channelNotFound, meaning: "The server has no such file.",
            remedy: "Check the channel's address; on a mirror run tsugite mirror sync."),
        Entry(
            code: .channelNetwork, meaning: "The server can't be reached.",
            remedy: "Check the address, the proxy settings and the network: curl -I ADDRESS."),
        Entry(
            code: .channelSlow, meaning: "The server sends too slowly to be of use.",
            remedy: "Try another mirror, or lower the minimal rate in /etc/tsugite/tsugite.yaml."),
        Entry(
            code: .channelNoTarget, meaning: "No trusted role of the channel lists this target.",
            remedy: "See what there is: tsugite list-targets."),
        Entry(
            code: .channelKey, meaning: "A key can't be read or used, or isn't here.",
            remedy: "Check the key file and its permissions (0600): tsugite channel keys list."),
        Entry(
            code: .channelLocked, meaning: "Another process is publishing to the same channel.",
            remedy: "Wait for it, or end the process that the message names."),
        Entry(
            code: .channelFile,
            meaning: "A file of the channel or of this machine's copy can't be read or written.",
            remedy: "Check the path, its permissions and the free space: df -h."),
        Entry(
            code: .channelOrder, meaning: "The program took the steps of an update in a forbidden order.",
            remedy: "Report this as a defect of tsugite."),
    ]
}
