import Linux

/// One thread while its process is held: plain data, filled in while everything stands still.
struct HeldThread {
    /// Where it is on its way.
    enum Phase: UInt8 {
        /// Attached, running.
        case seized
        /// Asked to stop.
        case asked
        /// Standing still.
        case stopped
        /// Ended; nothing more to do with it.
        case ended
        /// A main thread that ended before the others: it never reports, and runs no code.
        case zombie
    }

    /// What the scan of its stack said.
    enum Verdict: UInt8 {
        /// Not looked at yet.
        case unknown
        /// It can't return into watched code.
        case free
        /// Words on its stack have to be settled by unwinding.
        case hit
        /// The stack that it is on isn't its own: only a whole unwinding can tell.
        case elsewhere
        /// It executes watched code, or will return into it.
        case busy
    }

    /// First of all: see `Orphans.seize(_:options:among:)`.
    let id: ThreadID
    let process: ProcessID
    var phase = Phase.seized
    var verdict = Verdict.unknown
    /// Whether it stands in a stop that the kernel made for us, rather than before a signal's delivery.
    var stoppedForUs = true
    /// Whether it stays stopped when everybody is let go: somebody else of this program has it in hand.
    var isKept = false
    /// The signal whose delivery we interrupted; delivered when we let go.
    var signal = Signal.none
    var registers = Registers()
    /// The part of its stack that holds frames.
    var stack = RemoteRange(start: RemoteAddress(0), count: 0)
    /// The highest stack address that holds a suspicious word.
    var highestHit: UInt64 = 0
    /// The watched range that it is busy in.
    var busyIn: Int = -1

    init(_ id: ThreadID, _ process: ProcessID) {
        self.id = id
        self.process = process
    }
}
