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
    /// A thread is executing, or will return into, code that is about to change; evidence: thread, function, stack.
    public static let processBusy = FindingCode(rawValue: "USR-BUSY")
    /// A thread did not stop within the time that a process may be held.
    public static let processUnstoppable = FindingCode(rawValue: "USR-UNSTOPPABLE")
    /// The code in memory isn't the code that the patch was made for; evidence: function, offset, bytes.
    public static let processMismatch = FindingCode(rawValue: "USR-MISMATCH")
    /// A breakpoint stands inside a function that is to be replaced.
    public static let processBreakpoint = FindingCode(rawValue: "USR-BREAKPOINT")
    /// Someone else's jump stands at a function that is to be replaced.
    public static let processOtherPatcher = FindingCode(rawValue: "USR-OTHER-PATCHER")
    /// Another applied patch replaces the same function and isn't covered by this one.
    public static let processOverlap = FindingCode(rawValue: "USR-OVERLAP")
    /// Another program traces the process; evidence: its pid and name.
    public static let processTraced = FindingCode(rawValue: "USR-TRACED")
    /// The rights to change the process are missing.
    public static let processPermission = FindingCode(rawValue: "USR-PERMISSION")
    /// The process runs code of another architecture or word size.
    public static let processArchitecture = FindingCode(rawValue: "USR-ARCHITECTURE")
    /// The process ended or started another program meanwhile.
    public static let processGone = FindingCode(rawValue: "USR-GONE")
    /// A kernel thread or a zombie: no memory to change.
    public static let processNotUser = FindingCode(rawValue: "USR-NOT-USER")
    /// No process maps a binary that the patch is for.
    public static let processNotFound = FindingCode(rawValue: "USR-NOT-FOUND")
    /// No process carries the patch.
    public static let processNotPatched = FindingCode(rawValue: "USR-NOT-PATCHED")
    /// There is no free address range within reach of the module.
    public static let processNoSpace = FindingCode(rawValue: "USR-NO-SPACE")
    /// A symbol that the new code needs can't be found in the process.
    public static let processSymbol = FindingCode(rawValue: "USR-SYMBOL")
    /// The new code can't be linked at its place; evidence: relocation, symbol.
    public static let processRelocation = FindingCode(rawValue: "USR-RELOCATION")
    /// The process's seccomp filter can't be suspended for the time of a call.
    public static let processSeccomp = FindingCode(rawValue: "USR-SECCOMP")
    /// No thread of the process could be borrowed for a system call.
    public static let processNoThread = FindingCode(rawValue: "USR-NO-THREAD")
    /// The dynamic linker is still at work in the process.
    public static let processStarting = FindingCode(rawValue: "USR-STARTING")
    /// An image in the process doesn't hold a header that makes sense.
    public static let processHeader = FindingCode(rawValue: "USR-HEADER")
    /// An earlier operation died half-way and couldn't be finished yet.
    public static let processUnfinished = FindingCode(rawValue: "USR-UNFINISHED")
    /// A function is too short for the jump to its replacement.
    public static let processTooShort = FindingCode(rawValue: "USR-TOO-SHORT")
    /// A write to the process didn't read back as written; it was taken back.
    public static let processCommit = FindingCode(rawValue: "USR-COMMIT")
    /// The process is on the machine's list of those that are never changed; evidence: rule.
    public static let processNever = FindingCode(rawValue: "USR-NEVER")
    /// The machine's first process, which is changed only if it is asked for.
    public static let processInit = FindingCode(rawValue: "USR-INIT")
    /// Another process of its group can't be changed, so this one wasn't either; evidence: that process.
    public static let processGroup = FindingCode(rawValue: "USR-GROUP")
    /// A thread never leaves a function: an event loop; evidence: thread, function, stack, tries.
    public static let processNeverReturns = FindingCode(rawValue: "USR-NEVER-RETURNS")
    /// The program runs inside of another one that translates its code; evidence: emulator.
    public static let processEmulated = FindingCode(rawValue: "USR-EMULATED")
    /// The list of programs that are never changed can't be understood; evidence: line.
    public static let neverList = FindingCode(rawValue: "CLI-NEVER-LIST")
    /// New processes can't be held: the kernel or the rights for it are missing; evidence: call, errno.
    public static let watchUnavailable = FindingCode(rawValue: "USR-WATCH")
    /// The command line doesn't make sense.
    public static let commandUsage = FindingCode(rawValue: "CLI-USAGE")

    // Builder.
    /// A diff can't be read; evidence: line.
    public static let diffMalformed = FindingCode(rawValue: "BLD-DIFF-MALFORMED")
    /// A diff doesn't fit the tree; evidence: hunk, expected and found line.
    public static let diffConflict = FindingCode(rawValue: "BLD-DIFF-CONFLICT")
    /// The tree holds the change already.
    public static let diffApplied = FindingCode(rawValue: "BLD-DIFF-APPLIED")
    /// Exceptions couldn't pass through the new code: the process has no unwinder that it could be made known to.
    public static let processUnwinder = FindingCode(rawValue: "USR-UNWINDER")
    /// A patch writes over read-only data, which wasn't allowed; evidence: which.
    public static let processData = FindingCode(rawValue: "USR-DATA")
    /// A hook of the patch refused; evidence: which, and what became of the process.
    public static let processHook = FindingCode(rawValue: "USR-HOOK")
    /// A type's layout changes, and objects of it exist already; evidence: type, fields, users.
    public static let layoutChanged = FindingCode(rawValue: "BLD-LAYOUT")
    /// Whether types change can't be found out.
    public static let layoutUnknown = FindingCode(rawValue: "BLD-LAYOUT-UNKNOWN")
    /// The patch can't be written where it shall go.
    public static let outputFolder = FindingCode(rawValue: "BLD-OUTPUT")
    /// A program of Debian's that is needed can't be run.
    public static let debianTools = FindingCode(rawValue: "BLD-DEBIAN-TOOLS")
    /// The archives' lists can't be had.
    public static let debianArchive = FindingCode(rawValue: "BLD-DEBIAN-ARCHIVE")
    /// A version isn't in the archives; evidence: the offered ones.
    public static let debianVersion = FindingCode(rawValue: "BLD-DEBIAN-VERSION")
    /// A throw-away root for building can't be made or entered.
    public static let cleanRoot = FindingCode(rawValue: "BLD-CLEAN-ROOT")
    /// A source package can't be unpacked, or lacks a patch that was named.
    public static let debianSource = FindingCode(rawValue: "BLD-DEBIAN-SOURCE")
    /// Build dependencies are missing; evidence: which.
    public static let debianDependencies = FindingCode(rawValue: "BLD-DEBIAN-DEPENDS")
    /// A diff names a file outside the tree.
    public static let diffPath = FindingCode(rawValue: "BLD-DIFF-PATH")
    /// A diff changes a binary file.
    public static let diffBinary = FindingCode(rawValue: "BLD-DIFF-BINARY")
    /// A diff changes assembly.
    public static let assembly = FindingCode(rawValue: "BLD-ASSEMBLY")
    /// A diff reaches a unit that is compiled from another language than C and C++.
    public static let otherLanguage = FindingCode(rawValue: "BLD-LANGUAGE")
    /// A diff changes the input of a generator.
    public static let generatedSource = FindingCode(rawValue: "BLD-GENERATED")
    /// A diff changes only how the tree is built.
    public static let buildSystemOnly = FindingCode(rawValue: "BLD-BUILD-SYSTEM")
    /// A diff changes nothing that runs.
    public static let nothingToDo = FindingCode(rawValue: "BLD-NOTHING")
    /// The unpatched tree doesn't build; evidence: last lines, log.
    public static let buildFailed = FindingCode(rawValue: "BLD-FAILED")
    /// No build command was given and none can be guessed.
    public static let buildCommandUnknown = FindingCode(rawValue: "BLD-COMMAND")
    /// An object in a link was made by no captured compile; evidence: object, link.
    public static let bypassedCapture = FindingCode(rawValue: "BLD-BYPASSED")
    /// A target is built with link-time optimisation.
    public static let linkTimeOptimised = FindingCode(rawValue: "BLD-LTO")
    /// The build makes no file like the target.
    public static let targetUnknown = FindingCode(rawValue: "BLD-TARGET")
    /// A recorded compile fails when run again; evidence: output.
    public static let preFailed = FindingCode(rawValue: "BLD-PRE-FAILED")
    /// The patched source doesn't compile; evidence: output.
    public static let postFailed = FindingCode(rawValue: "BLD-POST-FAILED")
    /// The work folder can't be used; evidence: path, reason.
    public static let workFolder = FindingCode(rawValue: "BLD-WORK")
    /// The work folder's file system is full; evidence: path.
    public static let noSpace = FindingCode(rawValue: "BLD-SPACE")
    /// A function of the rebuilt target isn't the shipped one; evidence: function, offset, bytes, cause.
    public static let proofFunction = FindingCode(rawValue: "BLD-PROOF-FUNCTION")
    /// Something that the new code refers to wasn't found in the shipped target.
    public static let proofReference = FindingCode(rawValue: "BLD-PROOF-REFERENCE")
    /// The shipped target wasn't made from this tree; evidence: share of equal functions.
    public static let proofTree = FindingCode(rawValue: "BLD-PROOF-TREE")
    /// A function compiled for comparing isn't what the build linked.
    public static let proofCompile = FindingCode(rawValue: "BLD-PROOF-COMPILE")
    /// A symbol that the new code needs can't be reached.
    public static let symbolUnresolved = FindingCode(rawValue: "BLD-SYMBOL")
    /// Data changed in a way that can't reach running processes; evidence: variable, change.
    public static let dataChanged = FindingCode(rawValue: "BLD-DATA")
    /// New code holds a thread-local variable.
    public static let threadLocalNew = FindingCode(rawValue: "BLD-TLS-NEW")
    /// New code runs at start or exit.
    public static let constructorNew = FindingCode(rawValue: "BLD-CONSTRUCTOR")
    /// A name means another function or variable after the diff; evidence: symbol, unit.
    public static let identityChanged = FindingCode(rawValue: "BLD-IDENTITY")
    /// A replaced function keeps addresses of its labels; evidence: function, where.
    public static let labelKept = FindingCode(rawValue: "BLD-LABEL")
    /// A static variable can't be told from another one.
    public static let variableAmbiguous = FindingCode(rawValue: "BLD-VARIABLE")
    /// A function has no room for the jump to its replacement.
    public static let functionShort = FindingCode(rawValue: "BLD-SHORT")
    /// Something jumps into the bytes that the jump to the replacement would take.
    public static let functionEntered = FindingCode(rawValue: "BLD-ENTERED")
    /// A construct of the object file that can't be loaded.
    public static let objectUnsupported = FindingCode(rawValue: "BLD-OBJECT")

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
    public static let table: [Entry] = kernelTable + roomTable + clientTable

    /// The rows of the codes above.
    private static let roomTable: [Entry] = [
        Entry(
            code: .proofFunction, meaning: "A function of the rebuilt target differs from the shipped one.",
            remedy: "Build with the compiler, flags and sources that made the shipped file."),
        Entry(
            code: .proofReference,
            meaning: "Something that the new code refers to wasn't found in the shipped target.",
            remedy: "Build with the compiler, flags and sources that made the shipped file."),
        Entry(
            code: .proofTree, meaning: "The shipped target wasn't made from this source tree.",
            remedy: "Give the source tree of exactly the shipped version, with its distributor's patches applied."),
        Entry(
            code: .proofCompile, meaning: "A function compiled for comparing isn't what the build linked.",
            remedy: "Please report the function; build it with other flags if that is possible."),
        Entry(
            code: .symbolUnresolved, meaning: "A symbol that the new code needs can't be reached.",
            remedy: "Write the fix without that symbol, or give the target that defines it."),
        Entry(
            code: .dataChanged, meaning: "Data changed in a way that can't reach running processes.",
            remedy: "Keep the variable as it is, and add a new one for what the fix needs."),
        Entry(
            code: .threadLocalNew,
            meaning: "The fix adds a thread-local variable; running threads have no room for it.",
            remedy: "Use a variable that all threads share, or keep the value elsewhere."),
        Entry(
            code: .constructorNew, meaning: "The fix adds code that runs when the program starts or ends.",
            remedy: "Do the work when it is first needed."),
        Entry(
            code: .identityChanged,
            meaning: "A name means another function or variable after the diff: what runs would keep the old one.",
            remedy:
                "Leave functions and variables in their files, aliases as they are, and put new lambdas behind the "
                + "others; or restart instead."),
        Entry(
            code: .labelKept,
            meaning:
                "A function keeps addresses of its own labels (&&label) in memory, which lead into its old code.",
            remedy: "Fix it in a function that it calls, or restart instead."),
        Entry(
            code: .variableAmbiguous, meaning: "A static variable can't be told from another one of its name.",
            remedy: "Give the fix's static variables names of their own."),
        Entry(
            code: .functionShort, meaning: "A function has no room for the jump to its replacement.",
            remedy: "Change the callers of the function instead."),
        Entry(
            code: .functionEntered, meaning: "Code elsewhere jumps into the first bytes of a function.",
            remedy: "Change the callers of the function instead."),
        Entry(
            code: .objectUnsupported, meaning: "The compiler's output holds something that can't be loaded.",
            remedy: "See the evidence; other compiler flags may avoid it."),
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
            code: .processBusy, meaning: "A thread stayed in code that the operation changes until the deadline.",
            remedy:
                "Run the command again with a longer --wait, or restart the service if the function never returns."),
        Entry(
            code: .processUnstoppable,
            meaning:
                "A thread is in an uninterruptible wait (vfork, disk, NFS), so the process could not be held still.",
            remedy: "Run the command again later; ps -o stat,wchan -L -p PID shows the thread in state D."),
        Entry(
            code: .processMismatch, meaning: "The code in memory differs from the patch's record of the original.",
            remedy:
                "Find out what changed it (instrumentation, another patcher); rebuild the patch for this binary or restart the process."
        ),
        Entry(
            code: .processBreakpoint,
            meaning: "A debugger's or uprobe's breakpoint stands in a function that the operation changes.",
            remedy: "Remove the breakpoint or uprobe (perf probe --del, bpftrace), then run the command again."),
        Entry(
            code: .processOtherPatcher,
            meaning: "A function that the operation changes was redirected by another live patcher.",
            remedy: "Undo the other patch with the tool that applied it, then run the command again."),
        Entry(
            code: .processOverlap, meaning: "Two patches replace the same function and neither covers the other.",
            remedy:
                "Build one cumulative patch of both diffs, or run tsugite apply --replace to take the other out in the same step."
        ),
        Entry(
            code: .processTraced, meaning: "Another program (debugger, strace) traces the process.",
            remedy: "Let the tracer detach from it, then run the command again."),
        Entry(
            code: .processPermission, meaning: "The system doesn't let this user change the process.",
            remedy: "Run as root with CAP_SYS_PTRACE; check /proc/sys/kernel/yama/ptrace_scope."),
        Entry(
            code: .processArchitecture, meaning: "The process doesn't run 64-bit code of this machine.",
            remedy: "Restart the process after its package was upgraded."),
        Entry(
            code: .processGone,
            meaning:
                "The process ended, or started another program, during the operation; nothing is left to change.",
            remedy: ""),
        Entry(
            code: .processNotUser, meaning: "It is a kernel thread or a zombie, which has no memory of its own.",
            remedy: ""),
        Entry(
            code: .processNotFound, meaning: "No process maps any of the binaries that the patch is for.",
            remedy: "Compare readelf -n BINARY with the build-ids that tsugite inspect FILE lists."),
        Entry(
            code: .processNotPatched, meaning: "No process carries such a patch.",
            remedy: "See tsugite status for what is applied."),
        Entry(
            code: .processNoSpace, meaning: "No free address range lies within 2 GiB of the code to patch.",
            remedy: "Restart the process; cat /proc/PID/maps shows what fills its address space."),
        Entry(
            code: .processSymbol,
            meaning: "A function or variable that the new code needs wasn't found in the process.",
            remedy:
                "Check that the process loaded the library that defines it; rebuild the patch if the library changed."
        ),
        Entry(
            code: .processRelocation, meaning: "The new code can't be linked for this process.",
            remedy: "Rebuild the patch with this version of tsugite; report the evidence if it stays."),
        Entry(
            code: .processSeccomp,
            meaning:
                "A seccomp filter guards the process and can't be suspended for the calls that map the new code.",
            remedy: "Run as root in the initial user namespace with CAP_SYS_ADMIN."),
        Entry(
            code: .processNoThread,
            meaning: "No thread of the process could be borrowed for the calls that map the new code.",
            remedy: "Run the command again; if it stays, see the evidence."),
        Entry(
            code: .processStarting, meaning: "The process is starting, or loading a library, and isn't linked yet.",
            remedy: "Run the command again."),
        Entry(
            code: .processHeader, meaning: "A mapping that looks like ours holds no header that makes sense.",
            remedy: "Restart the process; its memory was altered by something else."),
        Entry(
            code: .processUnfinished,
            meaning: "An earlier operation was killed half-way, and a thread keeps it from being rolled back.",
            remedy: "Run the command again with a longer --wait."),
        Entry(
            code: .processTooShort,
            meaning: "A function, with its proven padding, is too short for the jump to its replacement.",
            remedy: "Rebuild the patch; tsugite build says why the padding could not be used."),
        Entry(
            code: .processCommit,
            meaning: "What was written to the process didn't read back, so it was taken back.",
            remedy: "See dmesg for memory errors; run the command again."),
        Entry(
            code: .processNever, meaning: "The process is on the machine's list of those that are never changed.",
            remedy: "Take its line out of /etc/tsugite/never, or restart it to run what is on the disk."),
        Entry(
            code: .processInit, meaning: "The machine's first process is changed only if it is asked for.",
            remedy: "Say --init, or name it: tsugite apply FILE --pid 1."),
        Entry(
            code: .processGroup,
            meaning: "Another process of its group can't be changed, so this one wasn't either.",
            remedy: "Remove what stands in the way of the named process, or apply without --all-or-nothing."),
        Entry(
            code: .processNeverReturns,
            meaning: "A thread has stayed in one call of the function all the time: an event loop.",
            remedy: "Restart the service, or leave it deferred: its next start is changed by tsugite watch."),
        Entry(
            code: .processEmulated,
            meaning: "The program's code is translated by another program, which would never see the change.",
            remedy: "Run it without the tool (valgrind, DynamoRIO, Pin, qemu-user)."),
        Entry(
            code: .neverList, meaning: "The list of programs that are never changed can't be understood.",
            remedy: "Each line is: name, exe, unit or cgroup, a blank, and the value."),
        Entry(
            code: .watchUnavailable, meaning: "New processes can't be held before their first instruction.",
            remedy: "Run as root, in the initial namespaces, on a kernel with CONFIG_FANOTIFY_ACCESS_PERMISSIONS."),
        Entry(
            code: .commandUsage, meaning: "The command line doesn't make sense.",
            remedy: "See tsugite help."),
        Entry(
            code: .diffMalformed, meaning: "A file given as --patch is no unified diff, or is damaged.",
            remedy: "Make it again with diff -u or git format-patch; the evidence names the line."),
        Entry(
            code: .diffConflict, meaning: "A diff doesn't apply to this source tree line for line.",
            remedy: "Take the diff for this version, or rebase it; patch --dry-run shows the same place."),
        Entry(
            code: .diffApplied, meaning: "The source tree has the change of the diff already.",
            remedy: "Give the tree of the version that is shipped and running, without the fix."),
        Entry(
            code: .processUnwinder,
            meaning: "New code that handles exceptions can't be made known to the process's unwinder.",
            remedy: "Restart the program with the fixed package: it has its unwinder linked in, without symbols."),
        Entry(
            code: .processData, meaning: "A patch writes over read-only data in place, which must be allowed.",
            remedy: "tsugite inspect shows old and new bytes; if they may change under running code: --allow-data."),
        Entry(
            code: .processHook, meaning: "A hook that the patch's author wrote refused, crashed or took too long.",
            remedy:
                "Its words say what the process lacks; docs/hooks.md says what hooks may do. Try again, or restart."
        ),
        Entry(
            code: .layoutChanged,
            meaning: "The fix changes the layout of a type of which running processes have objects already.",
            remedy:
                "Keep the old layout: new data in a shadow variable, or let hooks answer (docs/hooks.md); or restart instead."
        ),
        Entry(
            code: .layoutUnknown, meaning: "Without readable debug information a changed layout would go unseen.",
            remedy: "Build with a compiler that writes DWARF 4 (-gdwarf-4) into the object."),
        Entry(
            code: .outputFolder, meaning: "The patch file can't be written where it shall go.",
            remedy: "Make the folder (mkdir -p), or name another one with -o."),
        Entry(
            code: .debianTools,
            meaning: "A program that Debian packages are built with is missing or can't be run.",
            remedy: "apt-get install dpkg-dev patch fakeroot; --debian works on Debian and its kin."),
        Entry(
            code: .debianArchive, meaning: "The lists of the package archives can't be fetched.",
            remedy: "Check the network and /etc/apt, then run it again; or give a .dsc: --debian FILE.dsc."),
        Entry(
            code: .debianVersion, meaning: "The wanted version of a source package isn't in the archives.",
            remedy: "Take an offered version, or the .dsc from snapshot.debian.org: --debian FILE.dsc."),
        Entry(
            code: .cleanRoot, meaning: "A throw-away root for building can't be made or entered.",
            remedy: "See the evidence; apt-get install mmdebstrap, run as root, or leave out --clean-root."),
        Entry(
            code: .debianSource, meaning: "A Debian package can't be unpacked, or has no patch of the given name.",
            remedy: "See the evidence; remove a damaged download from the work folder to fetch it again."),
        Entry(
            code: .debianDependencies, meaning: "Packages that the source is built with aren't installed.",
            remedy: "Add --clean-root, or --install-dependencies as root."),
        Entry(
            code: .diffPath,
            meaning: "A diff names a file outside the source tree, or one reached through a symbolic link.",
            remedy: "Don't use this diff before you know who made it; edit the path if it is honest."),
        Entry(
            code: .diffBinary, meaning: "A diff changes a binary file, which no live patch can carry.",
            remedy: "Take the part that changes source text, for instance with filterdiff."),
        Entry(
            code: .assembly,
            meaning: "A diff changes an assembly file; functions in it can't be told apart safely.",
            remedy: "Leave the file out of the diff, or restart the program with the fixed version."),
        Entry(
            code: .otherLanguage,
            meaning: "A diff reaches code in another language than C and C++.",
            remedy: "Restart the program with the fixed version; other languages are not supported."),
        Entry(
            code: .generatedSource,
            meaning: "A diff changes a file from which sources are generated, not a source that is compiled.",
            remedy: "Give a diff of the generated sources (build both versions, diff -u the results)."),
        Entry(
            code: .buildSystemOnly,
            meaning: "A diff changes build files but no source: it can't be told which code is meant.",
            remedy: "Put the effect into the sources (for instance a #define), or restart with a new build."),
        Entry(
            code: .nothingToDo, meaning: "A diff changes no code of the targets: documents, tests, comments.",
            remedy: "Nothing needs to be done for these targets."),
        Entry(
            code: .buildFailed, meaning: "The unpatched source tree doesn't build.",
            remedy: "Run the build command in a copy of the tree by hand; --build-command sets another one."),
        Entry(
            code: .buildCommandUnknown, meaning: "No build files that tsugite knows lie in the top folder.",
            remedy: "Give the command that builds the tree: --build-command 'make -j2'."),
        Entry(
            code: .bypassedCapture,
            meaning: "A linked object was made by no compile that was seen, so it can't be known what is in it.",
            remedy: "Clean the tree, turn compiler caches and daemons off, and let the build compile everything."),
        Entry(
            code: .linkTimeOptimised,
            meaning: "A target's code is generated at link time, so no object tells what runs.",
            remedy: "Build and ship the target without -flto; live patches for LTO builds are not supported."),
        Entry(
            code: .targetUnknown, meaning: "The build makes no file that corresponds to a given target.",
            remedy: "Check --target and --source belong together; the evidence lists what the build makes."),
        Entry(
            code: .preFailed, meaning: "A compile that worked during the build fails when it is run again alone.",
            remedy: "See the compiler's output in the evidence; a build step may have removed a generated file."),
        Entry(
            code: .postFailed, meaning: "A source file doesn't compile after the diff.",
            remedy: "Correct the diff; the evidence shows the compiler's output."),
        Entry(
            code: .workFolder, meaning: "The work folder can't be read or written.",
            remedy: "Give another one with --work DIR."),
        Entry(
            code: .noSpace, meaning: "The file system of the work folder is full; nothing half-made was left.",
            remedy: "Free space there, or give another folder with --work DIR, and run the command again."),
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
