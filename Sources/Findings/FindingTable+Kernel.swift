// The kernel rooms' codes; see FindingTable.swift.

extension FindingCode {
    /// A kernel image or module can't be read; evidence: file, offset.
    public static let kernelImage = FindingCode(rawValue: "KRN-IMAGE")
    /// A kernel image uses a format that isn't read; evidence: what.
    public static let kernelImageFormat = FindingCode(rawValue: "KRN-IMAGE-FORMAT")
    /// The rebuilt code isn't the kernel's; evidence: object, function, offset, expected, found.
    public static let kernelMismatch = FindingCode(rawValue: "KRN-MISMATCH")
    /// The kernel's source, headers, tools or compiler aren't as they must be; evidence: what.
    public static let kernelSource = FindingCode(rawValue: "KRN-SOURCE")
    /// A change that no kernel live patch can carry; evidence: unit, entity, reason.
    public static let kernelRefused = FindingCode(rawValue: "KRN-REFUSED")
    /// Nothing that the kernel runs differs.
    public static let kernelNothing = FindingCode(rawValue: "KRN-NOTHING")
    /// The running kernel isn't the one that the patch was made for; evidence: both build-ids.
    public static let kernelOther = FindingCode(rawValue: "KRN-OTHER")
    /// The running kernel can't be live patched; evidence: what it lacks.
    public static let kernelUnable = FindingCode(rawValue: "KRN-UNABLE")
    /// Something else has changed functions that the patch replaces; evidence: function, by whom.
    public static let kernelConflict = FindingCode(rawValue: "KRN-CONFLICT")
    /// Another transition is under way; evidence: patch.
    public static let kernelBusy = FindingCode(rawValue: "KRN-BUSY")
    /// A transition didn't end in time; evidence: the tasks that block it.
    public static let kernelStalled = FindingCode(rawValue: "KRN-STALLED")
    /// The kernel refused to load or to unload a module; evidence: call, errno.
    public static let kernelLoad = FindingCode(rawValue: "KRN-LOAD")

    /// Only signed modules are loaded, and the patch isn't signed; evidence: lockdown, module.
    public static let kernelUnsigned = FindingCode(rawValue: "KRN-UNSIGNED")
    /// The stored set isn't applied at boot, because the machine died after it before; evidence: when, how often.
    public static let kernelSuspended = FindingCode(rawValue: "KRN-SUSPENDED")
    /// The kernel reported an error with code of a live patch in its trace; evidence: what, trace.
    public static let kernelOops = FindingCode(rawValue: "KRN-OOPS")
    /// Which version's fixes are in memory can't be told; evidence: patches.
    public static let kernelAmbiguous = FindingCode(rawValue: "KRN-AMBIGUOUS")
    /// What is kept for the next boot is damaged; evidence: file.
    public static let kernelStore = FindingCode(rawValue: "KRN-STORE")

    static let kernelTable: [Entry] = [
        Entry(
            code: .kernelImage, meaning: "A kernel image or module is damaged or isn't one.",
            remedy: "Fetch the package again; file(1) on the evidence's path shows what it is."),
        Entry(
            code: .kernelImageFormat, meaning: "A kernel image uses a format that this version can't read.",
            remedy: "The evidence names it; give an uncompressed vmlinux of the same build instead."),
        Entry(
            code: .kernelMismatch,
            meaning: "Code built here, or in the running kernel's memory, isn't the shipped kernel's.",
            remedy:
                "Build with the source, configuration and compiler package of the kernel; where memory differs, find "
                + "out who changed it."),
        Entry(
            code: .kernelSource, meaning: "The kernel's source, headers or compiler are missing or don't fit.",
            remedy: "Install the packages that the evidence names, in the kernel's own version."),
        Entry(
            code: .kernelRefused, meaning: "A part of the change can't be carried by a kernel live patch.",
            remedy: "Change the fix as the reason says, or reboot into the fixed kernel."),
        Entry(
            code: .kernelNothing, meaning: "The diff changes nothing that this kernel runs.",
            remedy: "Nothing needs to be done for this kernel."),
        Entry(
            code: .kernelOther, meaning: "The running kernel isn't the one that the patch was made for.",
            remedy: "Fetch or build the patch for this kernel: tsugite build --kernel."),
        Entry(
            code: .kernelUnable, meaning: "The running kernel can't be live patched.",
            remedy: "Boot a kernel with CONFIG_LIVEPATCH, and allow modules; the evidence names what is missing."),
        Entry(
            code: .kernelConflict, meaning: "Something else already changes a function that the patch replaces.",
            remedy: "Remove the probe, program or patch that the evidence names, then apply again."),
        Entry(
            code: .kernelBusy, meaning: "Another kernel patch is in the middle of its transition.",
            remedy: "Wait for it, or undo it: tsugite status --kernel."),
        Entry(
            code: .kernelStalled, meaning: "Tasks kept using the old code until the deadline.",
            remedy: "Restart or stop the tasks that the evidence names, or apply again with a longer --wait."),
        Entry(
            code: .kernelLoad, meaning: "The kernel refused to load or unload a module.",
            remedy: "See dmesg for the kernel's own words; with Secure Boot, the module must be signed."),
        Entry(
            code: .kernelUnsigned, meaning: "The running kernel loads signed modules only.",
            remedy: "Build the patch with --sign-key and --sign-certificate, and enrol the key: docs/kernel.md."),
        Entry(
            code: .kernelSuspended,
            meaning:
                "The stored kernel patches aren't applied at boot, because the machine died after them before.",
            remedy: "Look at the evidence; then tsugite apply FILE takes the set up again, tsugite undo drops it."),
        Entry(
            code: .kernelOops, meaning: "The kernel reported an error, and code of a live patch is in its trace.",
            remedy: "tsugite undo takes the patch out; then report the trace to its maker."),
        Entry(
            code: .kernelAmbiguous, meaning: "Which version's fixes are in memory can't be told.",
            remedy: "tsugite status --kernel lists the live patches; one of ours with --effective says it."),
        Entry(
            code: .kernelStore, meaning: "What is kept of kernel patches for the next boot can't be used.",
            remedy: "Apply the patch files again; that writes the store anew."),
    ]
}
