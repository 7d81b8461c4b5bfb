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
    ]
}
