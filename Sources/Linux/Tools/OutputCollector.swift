import CLinux

/// Reads two pipes at once to their ends, so that a tool never blocks on one while we read the other.
struct OutputCollector: ~Copyable {
    private(set) var output: [UInt8] = []
    private(set) var error: [UInt8] = []
    private let outputPipe: OwnedDescriptor
    private let errorPipe: OwnedDescriptor
    private let limit: Int
    private var chunk = [UInt8](repeating: 0, count: 64 << 10)

    init(output: consuming OwnedDescriptor, error: consuming OwnedDescriptor, limit: Int) {
        outputPipe = output
        errorPipe = error
        self.limit = limit
    }

    /// Reads until both pipes are closed; false if the deadline passed before.
    mutating func collect(until deadline: MonotonicTime?) throws(SystemError) -> Bool {
        var open: [2 of Bool] = [true, true]
        while open[0] || open[1] {
            // A negative descriptor is skipped by poll(2).
            var descriptors: [2 of Int32] = [
                open[0] ? outputPipe.rawValue : -1, open[1] ? errorPipe.rawValue : -1,
            ]
            var ready: [2 of Int32] = [0, 0]
            let milliseconds = Self.milliseconds(to: deadline)
            if milliseconds == 0 { return false }
            // Sound: both arrays have the two elements that the count announces.
            let result = unsafe withUnsafeMutableBytes(of: &descriptors) { asked in
                unsafe withUnsafeMutableBytes(of: &ready) { answered in
                    retryingInterrupts {
                        unsafe linux_poll(
                            asked.baseAddress?.assumingMemoryBound(to: Int32.self), 2, milliseconds,
                            answered.baseAddress?.assumingMemoryBound(to: Int32.self))
                    }
                }
            }
            try result.check("poll", "output of a tool")
            if ready[0] != 0 { open[0] = try Self.take(outputPipe, &chunk, &output, limit) }
            if ready[1] != 0 { open[1] = try Self.take(errorPipe, &chunk, &error, limit) }
        }
        return true
    }

    /// Takes what a pipe has; false at its end.
    private static func take(
        _ pipe: borrowing OwnedDescriptor, _ chunk: inout [UInt8], _ bytes: inout [UInt8], _ limit: Int
    ) throws(SystemError) -> Bool {
        // Sound: the kernel writes at most the array's bytes.
        let result = unsafe chunk.withUnsafeMutableBytes { unsafe pipe.read(into: $0) }
        let count = try result.check("read", "output of a tool")
        bytes.append(contentsOf: chunk[..<min(count, limit - bytes.count)])
        return count > 0
    }

    /// Time left for poll(2), rounded up; -1 without a deadline, 0 if it has passed.
    private static func milliseconds(to deadline: MonotonicTime?) -> Int32 {
        guard let deadline else { return -1 }
        let now = MonotonicTime.now
        if now >= deadline { return 0 }
        return Int32(min((deadline.nanoseconds - now.nanoseconds) / 1_000_000 + 1, 86_400_000))
    }
}
