import Linux

// The conservative scan: every word of every stack that looks like a return address into watched code is a hit.
// No frame is walked, so a scan costs little more than reading the memory; most processes have no hit at all. A
// hit may be stale (left by a call that returned), so hits are settled by unwinding.
//
// All stacks are read by as few system calls as possible into one buffer. Only the part above the stack pointer is
// read: what lies below is not a frame.

/// Reads and scans the stacks of held threads; all buffers are made before the pause.
@safe
struct StackScan: ~Copyable {
    private let room: PopulatedMemory
    private let ranges: UnsafeMutableBufferPointer<RemoteRange>
    private let owners: UnsafeMutableBufferPointer<Int32>
    private static let bufferSize = 512 << 10

    init(of process: ProcessID) throws(PatcherError) {
        room = try onProcess(process) { () throws(SystemError) in try PopulatedMemory(count: Self.bufferSize) }
        unsafe ranges = .allocate(capacity: RemoteMemory.rangesPerCall)
        unsafe owners = .allocate(capacity: RemoteMemory.rangesPerCall)
    }

    deinit {
        unsafe ranges.deallocate()
        unsafe owners.deallocate()
    }

    /// Gives every stopped thread of a range a verdict: free, busy, or to be settled by unwinding.
    ///
    /// - Returns: how many are not free.
    @inline(__always)
    func look(
        _ hold: inout ThreadHold, _ range: Range<Int>, _ watch: borrowing WatchIndex, _ space: AddressSpace,
        _ memory: ProcessMemory
    ) -> Int {
        var filled = 0
        var used = 0
        for index in range {
            let stack = classify(&hold, index, watch, space)
            var rest = stack
            while rest.count > 0 {
                let part = min(rest.count, UInt64(Self.bufferSize - filled) & ~7)
                // `used` stays below the capacity: the batch is read when it is full.
                unsafe ranges.initializeElement(at: used, to: RemoteRange(start: rest.start, count: part))
                unsafe owners.initializeElement(at: used, to: Int32(truncatingIfNeeded: index))
                used += 1
                filled += Int(part)
                rest = RemoteRange(start: rest.start.adding(part) ?? rest.start, count: rest.count - part)
                if used == RemoteMemory.rangesPerCall || filled + 64 > Self.bufferSize {
                    scan(&hold, used, watch, memory)
                    used = 0
                    filled = 0
                }
            }
        }
        scan(&hold, used, watch, memory)
        var left = 0
        for index in range {
            // The index is below the count.
            let thread = unsafe hold.threads[index]
            if thread.phase == .stopped, thread.verdict != .free { left += 1 }
        }
        return left
    }

    /// Judges the thread by its registers; answers the part of its stack to be scanned.
    @inline(__always)
    private func classify(
        _ hold: inout ThreadHold, _ index: Int, _ watch: borrowing WatchIndex, _ space: AddressSpace
    ) -> RemoteRange {
        let none = RemoteRange(start: RemoteAddress(0), count: 0)
        var thread = unsafe hold.threads[index]
        guard thread.phase == .stopped else { return none }
        thread.highestHit = 0
        if let busy = watch.executing(thread.registers.instructionPointer.rawValue) {
            thread.verdict = .busy
            thread.busyIn = busy
        } else if let stack = space.ownStack(
            sp: thread.registers.stackPointer, threadPointer: thread.registers.threadPointer)
        {
            thread.verdict = .free
            thread.stack = stack
        } else {
            thread.verdict = .elsewhere
        }
        unsafe hold.threads[index] = thread
        return thread.verdict == .free ? thread.stack : none
    }

    /// Reads the first `used` ranges and scans them.
    ///
    /// What can't be read makes its thread's stack suspicious.
    @inline(__always)
    private func scan(_ hold: inout ThreadHold, _ used: Int, _ watch: borrowing WatchIndex, _ memory: ProcessMemory)
    {
        let buffer = unsafe room.bytes
        var first = 0
        while first < used {
            // Both slices are inside their buffers.
            let slice = unsafe UnsafeBufferPointer(rebasing: ranges[first..<used])
            let read = unsafe max(0, memory.remote.gather(slice, into: buffer).rawValue)
            var at = 0
            while first < used {
                let range = unsafe ranges[first]
                let owner = unsafe Int(owners[first])
                guard at + Int(range.count) <= read else { break }
                let part = unsafe UnsafeRawBufferPointer(rebasing: buffer[at..<at + Int(range.count)])
                // Ranges are whole words, and the buffer is aligned.
                let words = unsafe part.assumingMemoryBound(to: UInt64.self)
                if let hits = unsafe watch.hits(in: words) {
                    unsafe hold.threads[owner].verdict = .hit
                    unsafe hold.threads[owner].highestHit = range.start.rawValue &+ UInt64(hits.last * 8)
                }
                at += Int(range.count)
                first += 1
            }
            if first < used {
                let owner = unsafe Int(owners[first])
                unsafe hold.threads[owner].verdict = .elsewhere
                first += 1
            }
        }
    }
}
