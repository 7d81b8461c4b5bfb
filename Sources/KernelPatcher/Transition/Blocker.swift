public import KernelImage

// Who keeps a transition from ending, and where.
//
// The kernel moves a task over when none of the functions that change is on its stack. A task that sleeps in one of
// them stays behind. Its stack is told by names, and the names mislead: the stack says `__do_sys_pause` where the
// patch says `__x64_sys_pause`, both being the same address. So a frame is turned into an address, by the symbol
// that has its name *and* its extent, and the address is looked up among the patched functions' ranges.

/// A task that isn't moved over yet.
public struct BlockingTask: Sendable, Equatable, Codable {
    /// The process.
    public var process: Int32
    /// The thread.
    public var thread: Int32
    /// The command's name, up to 15 bytes.
    public var command: String
    /// The kernel function that it waits in; empty if it runs.
    public var waitsIn: String
    /// What it has on its stack, innermost first; empty if that couldn't be read.
    public var stack: [StackFrame]
    /// The function that keeps it, as the patch names it; `nil` if none of the patch's is on its stack.
    public var function: String?
    /// The letter of its state in `/proc/PID/stat`: `R`, `S`, `D`, ...
    public var state: String
    /// The systemd unit that it belongs to; `nil` if none.
    public var unit: String?
    /// Whether it is a thread of the kernel itself.
    public var isKernelThread: Bool

    /// Makes an entry.
    public init(
        process: Int32, thread: Int32, command: String, waitsIn: String, stack: [StackFrame],
        function: String? = nil, state: String = "S", unit: String? = nil, isKernelThread: Bool = false
    ) {
        self.process = process
        self.thread = thread
        self.command = command
        self.waitsIn = waitsIn
        self.stack = stack
        self.function = function
        self.state = state
        self.unit = unit
        self.isKernelThread = isKernelThread
    }

    /// One line for people: `pid 86 tid 86 (helper) is in __x64_sys_pause`.
    public var summary: String {
        let place = function.map { "is in \($0)" } ?? (waitsIn.isEmpty ? "runs" : "waits in \(waitsIn)")
        return "pid \(process) tid \(thread) (\(command)) \(place)"
    }

    /// What can be done about this one.
    public var remedy: String {
        let again = ", then apply again"
        if isKernelThread {
            return "\(command) is a thread of the kernel: apply again with a longer --wait, at a quiet time."
        }
        if state == "D" {
            return "\(command) (pid \(process)) sleeps where no signal reaches it, usually for a disk or a server: "
                + "see to that\(again)."
        }
        if let unit { return "systemctl restart \(unit)\(again)." }
        return "Stop or restart \(command) (kill \(process))\(again); or give the kernel more than the 15 s after "
            + "which it wakes sleepers by itself: --wait 60s."
    }
}

/// The ranges of code that must be left before a transition can end.
public struct PatchedRanges: Sendable {
    private let ranges: [(range: Range<UInt64>, name: String)]
    private let symbols: LiveSymbols

    /// Takes functions and where they are now.
    public init(_ ranges: [(range: Range<UInt64>, name: String)], symbols: LiveSymbols) {
        self.ranges = ranges
        self.symbols = symbols
    }

    /// The patched function in which a frame is.
    public func function(of frame: StackFrame) -> String? {
        let table = frame.module.map { symbols.modules[$0] } ?? symbols.kernel
        guard let table else { return nil }
        let candidates = table.named(frame.function).filter { table.extent(of: $0) ?? frame.extent == frame.extent }
        for symbol in candidates {
            let address = symbol.address &+ frame.offset
            if let found = ranges.first(where: { $0.range.contains(address) }) { return found.name }
        }
        return nil
    }

    /// The innermost patched function on a stack.
    public func function(in stack: [StackFrame]) -> String? {
        stack.lazy.compactMap { function(of: $0) }.first
    }
}
