import CDwarf
import ELF
import Linux

// Precise unwinding settles what the conservative scan found suspicious. Frames are walked by the call frame
// information of each module, read by libdw; our own images bring their own.
//
// It fails closed. A thread is free only if the walk covered every suspicious word and no frame was in watched
// code: once the walk has passed a stack address, everything below belongs to frames that were looked at, so a
// suspicious word there is a leftover. A thread that is on a stack other than its own has to be walked to its
// outermost frame, which the C library marks with an undefined return address, and that frame has to lie on the
// thread's own stack: then an alternate signal stack was all. Where a coroutine's stack ends, the frames that the
// thread left behind on its own stack weren't seen, so it is busy until it is back. Whatever else ends a walk (no
// information, a frame that doesn't go up, memory that can't be read) means busy.

/// Walks the stacks of stopped threads of one process.
final class Unwinder {
    /// What a walk found.
    struct Walk {
        /// Whether the thread can't return into watched code.
        var isFree = false
        /// The watched range that a frame is in.
        var busyIn: Int?
        /// The stack pointer in that frame: it stays as long as the call lasts.
        var busyAt: UInt64 = 0
        /// Whether the stack ends elsewhere than on the thread's own: a coroutine.
        var isForeign = false
        /// Instruction addresses, innermost first.
        var frames: [UInt64] = []
    }

    private let memory: ProcessMemory
    private var tables: [FrameTable]
    private static let deepest = 100_000
    private static let reported = 48

    /// Prepares for a process; opens the unwinding information of everything that it has mapped.
    init(_ session: ProcessSession) {
        memory = session.memory
        tables = FrameTable.all(session)
    }

    /// Walks a thread's stack.
    func walk(_ thread: HeldThread, _ watch: borrowing WatchIndex, _ space: AddressSpace) -> Walk {
        var walk = Walk()
        var words = StackWords(memory)
        var frame = UnwindFrame(thread.registers)
        if let range = watch.executing(frame.pc) {
            walk.busyIn = range
            walk.busyAt = callerStack(frame, &words)
            walk.frames = backtrace(frame, &words)
            return walk
        }
        var isCall = false
        for _ in 0..<Self.deepest {
            if walk.frames.count < Self.reported { walk.frames.append(frame.pc) }
            switch step(frame, isCall, &words) {
            case .outermost:
                let pointer = thread.registers.threadPointer
                walk.isForeign = space.ownStack(sp: RemoteAddress(frame.sp), threadPointer: pointer) == nil
                walk.isFree = !walk.isForeign
                return walk
            case .failed:
                walk.isForeign =
                    space.ownStack(
                        sp: RemoteAddress(frame.sp), threadPointer: thread.registers.threadPointer) == nil
                return walk
            case .caller(let caller, let isSignal):
                isCall = !isSignal
                let inside = isSignal ? watch.executing(caller.pc) : watch.returning(caller.pc)
                if let inside {
                    walk.busyIn = inside
                    walk.busyAt = callerStack(caller, &words)
                    walk.frames.append(caller.pc)
                    return walk
                }
                frame = caller
                // Everything below the caller's stack pointer belongs to frames that were looked at.
                if thread.verdict == .hit, frame.sp > thread.highestHit {
                    walk.isFree = true
                    return walk
                }
            }
        }
        return walk
    }

    /// Where the caller's stack ends, which is the same at every place of one call; 0 if it can't be found out.
    private func callerStack(_ frame: UnwindFrame, _ words: inout StackWords) -> UInt64 {
        guard case .caller(let caller, _) = step(frame, true, &words) else { return 0 }
        return caller.sp
    }

    private func backtrace(_ start: UnwindFrame, _ words: inout StackWords) -> [UInt64] {
        var frames = [start.pc]
        var frame = start
        var isCall = false
        while frames.count < Self.reported, case .caller(let caller, let isSignal) = step(frame, isCall, &words) {
            frames.append(caller.pc)
            frame = caller
            isCall = !isSignal
        }
        return frames
    }

    private enum Step {
        case caller(UnwindFrame, isSignal: Bool)
        case outermost
        case failed
    }

    /// From a frame to its caller.
    private func step(_ frame: UnwindFrame, _ isCall: Bool, _ words: inout StackWords) -> Step {
        // A return address may be the first byte behind its function; the call before it is inside.
        let pc = isCall ? frame.pc &- 1 : frame.pc
        guard let table = tables.first(where: { $0.covers(pc) }) else { return .failed }
        guard let rules = table.rules(pc) else { return .failed }
        switch rules.apply(to: frame, &words) {
        case .undefinedReturn: return .outermost
        case .failed: return .failed
        case .caller(let caller):
            if caller.pc == 0 { return .outermost }
            // Stacks grow downwards: a caller's frame lies higher, except across a signal frame on another stack.
            guard caller.sp > frame.sp || rules.isSignalFrame else { return .failed }
            return .caller(caller, isSignal: rules.isSignalFrame)
        }
    }
}

/// The registers of one frame, numbered as DWARF does on x86-64: 0...15 general (7 the stack pointer), 16 the
/// instruction pointer.
struct UnwindFrame {
    static let stackPointer = 7
    static let returnAddress = 16
    /// Unknown ones are nil.
    var values: [17 of UInt64?] = .init(repeating: nil)

    var pc: UInt64 { values[Self.returnAddress] ?? 0 }
    var sp: UInt64 { values[Self.stackPointer] ?? 0 }

    init() {}

    init(_ registers: Registers) {
        for number in 0..<17 { values[number] = registers.dwarfRegister(number) }
    }
}

/// Reads words of a stack a block at a time.
struct StackWords {
    private let memory: ProcessMemory
    private var start: UInt64 = 0
    private var block: [UInt8] = []
    private static let blockSize: UInt64 = 2048

    init(_ memory: ProcessMemory) { self.memory = memory }

    /// `size` bytes, 1 to 8, as a little-endian number; nil if they can't be read.
    mutating func load(_ address: UInt64, _ size: Int = 8) -> UInt64? {
        if let value = cached(address, size) { return value }
        // Up to the end of the page at least, so that a block doesn't fail for what lies behind the stack.
        let toPage = ImageLayout.page - address % ImageLayout.page
        let count = max(UInt64(size), min(Self.blockSize, toPage))
        guard let read = try? memory.remote.bytes(RemoteRange(start: RemoteAddress(address), count: count)) else {
            return nil
        }
        start = address
        block = read
        return cached(address, size)
    }

    private func cached(_ address: UInt64, _ size: Int) -> UInt64? {
        guard size >= 1, size <= 8, address >= start, block.count >= size,
            address - start <= UInt64(block.count - size)
        else { return nil }
        let at = Int(address - start)
        return (0..<size).reduce(UInt64(0)) { $0 | UInt64(block[at + $1]) << UInt64($1 * 8) }
    }
}
