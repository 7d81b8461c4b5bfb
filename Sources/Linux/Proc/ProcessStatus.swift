/// What `/proc/PID/status` tells, as far as this project needs it: proc_pid_status(5).
///
/// The first line holds the command name, which the process chooses; the kernel escapes line feeds and
/// backslashes in it, so it can't forge another line.
public struct ProcessStatus: Hashable, Sendable {
    /// The thread group, that is the process, that this entry belongs to.
    public var process = ProcessID(0)
    /// The parent; 0 if it is outside this PID namespace.
    public var parent = ProcessID(0)
    /// The thread that traces this one; 0 if none does.
    ///
    /// The kernel names the very thread, not its process.
    public var tracer = ThreadID(0)
    /// Real, effective, saved and file system user.
    public var users: [UInt32] = []
    /// The id in each PID namespace, from this one to its own innermost.
    ///
    /// Empty on old kernels.
    public var namespaceIDs: [Int32] = []
    /// The number of threads.
    public var threads = 0
    /// Whether it gave up gaining privileges on exec.
    public var noNewPrivileges = false
    /// The seccomp mode: 0 none, 1 strict, 2 filters.
    public var seccompMode = 0
    /// How many seccomp filters apply.
    public var seccompFilters = 0
    /// Blocked signals, bit n-1 for signal n.
    public var blockedSignals: UInt64 = 0
    /// Signals with a handler, bit n-1 for signal n.
    public var caughtSignals: UInt64 = 0

    /// Parses the text of `/proc/PID/status`.
    ///
    /// Lines that are unknown are skipped; nil if a known one is malformed or the process id is missing.
    public init?(parsing text: Span<UInt8>) {
        var position = 0
        while position < text.count {
            let end = text.firstIndex(of: 0x0a, from: position, text.count)
            guard parseLine(text, position, end) else { return nil }
            position = end + 1
        }
        if process.rawValue == 0 { return nil }
    }

    private mutating func parseLine(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
        let colon = text.firstIndex(of: 0x3a, from: start, end)
        if colon == end { return true }
        var position = colon + 1
        func isNamed(_ name: StaticString) -> Bool {
            colon - start == name.utf8CodeUnitCount && text.hasBytes(name, at: start, colon)
        }
        if isNamed("SigBlk") || isNamed("SigCgt") {
            text.skipBlanks(&position, end)
            guard let mask = text.hexadecimal(&position, end) else { return false }
            if isNamed("SigBlk") { blockedSignals = mask } else { caughtSignals = mask }
            return true
        }
        let isKnown =
            isNamed("Tgid") || isNamed("PPid") || isNamed("TracerPid") || isNamed("Uid") || isNamed("NSpid")
            || isNamed("Threads") || isNamed("NoNewPrivs") || isNamed("Seccomp") || isNamed("Seccomp_filters")
        if !isKnown { return true }
        guard let numbers = Self.numbers(text, &position, end), let first = numbers.first else { return false }
        if isNamed("Tgid") { process = ProcessID(first) }
        if isNamed("PPid") { parent = ProcessID(first) }
        if isNamed("TracerPid") { tracer = ThreadID(first) }
        if isNamed("Uid") { users = numbers.map { UInt32(bitPattern: $0) } }
        if isNamed("NSpid") { namespaceIDs = numbers }
        if isNamed("Threads") { threads = Int(first) }
        if isNamed("NoNewPrivs") { noNewPrivileges = first != 0 }
        if isNamed("Seccomp") { seccompMode = Int(first) }
        if isNamed("Seccomp_filters") { seccompFilters = Int(first) }
        return true
    }

    /// Decimal numbers up to 32 bits, separated by blanks, up to the end of the line.
    private static func numbers(_ text: Span<UInt8>, _ position: inout Int, _ end: Int) -> [Int32]? {
        var found: [Int32] = []
        text.skipBlanks(&position, end)
        while position < end {
            guard let number = text.decimal(&position, end), let small = UInt32(exactly: number) else { return nil }
            found.append(Int32(bitPattern: small))
            text.skipBlanks(&position, end)
        }
        return found
    }
}
