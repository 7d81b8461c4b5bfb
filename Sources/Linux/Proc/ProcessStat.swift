// /proc/PID/stat, see proc_pid_stat(5): one line of numbers, but the second field is the command name in
// parentheses, which the process chooses (prctl(PR_SET_NAME)): it may hold blanks, line feeds and
// parentheses. No later field can hold a `)`, so the *last* one ends the name.

/// What `/proc/PID/stat` tells, as far as this project needs it.
public struct ProcessStat: Hashable, Sendable {
    /// The command name, at most 15 bytes; what isn't UTF-8 is replaced.
    public var name: String
    /// The state as a letter: R, S, D, T (stopped), t (traced), Z (zombie), X, I, P.
    public var state: Character
    /// The parent's process id; 0 if it is outside this PID namespace.
    public var parent: ProcessID
    /// The process group.
    public var group: ProcessID
    /// Bits `PF_*` of the kernel.
    public var flags: UInt64
    /// Start in clock ticks since boot.
    ///
    /// Together with the id it names a process uniquely.
    public var startTime: UInt64

    /// Whether it is a thread of the kernel itself (`PF_KTHREAD`), which has no memory to patch.
    public var isKernelThread: Bool { flags & 0x0020_0000 != 0 }
    /// Whether it has ended and only waits for its parent.
    public var isZombie: Bool { state == "Z" || state == "X" }

    /// Only the state, from the text of `/proc/PID/stat`; nil if it is malformed.
    ///
    /// It stands behind the last parenthesis: the name may hold some of its own, and nothing after it does.
    public static func state(in text: Span<UInt8>) -> Character? {
        guard let nameEnd = text.indices.last(where: { text[$0] == 0x29 }), nameEnd + 2 < text.count,
            text[nameEnd + 1] == 0x20
        else { return nil }
        return Character(UnicodeScalar(text[nameEnd + 2]))
    }

    /// Parses the text of `/proc/PID/stat`; nil if it is malformed.
    public init?(parsing text: Span<UInt8>) {
        guard let nameStart = text.indices.first(where: { text[$0] == 0x28 }),
            let nameEnd = text.indices.last(where: { text[$0] == 0x29 }), nameStart < nameEnd
        else { return nil }
        name = text.text(nameStart + 1..<nameEnd)
        var position = nameEnd + 1
        let end = text.count
        guard text.skip(0x20, &position, end), position < end else { return nil }
        state = Character(UnicodeScalar(text[position]))
        position += 1
        // Fields 4 and on, as proc_pid_stat(5) counts them; some are negative.
        var numbers: [UInt64] = []
        while numbers.count < 19 {
            guard text.skip(0x20, &position, end) else { return nil }
            let isNegative = text.skip(0x2d, &position, end)
            guard let number = text.decimal(&position, end) else { return nil }
            numbers.append(isNegative ? 0 : number)
        }
        guard let parent = Int32(exactly: numbers[0]), let group = Int32(exactly: numbers[1]) else { return nil }
        self.parent = ProcessID(parent)
        self.group = ProcessID(group)
        flags = numbers[5]
        startTime = numbers[18]
    }
}
