import CLinux

/// The memory of another process, read and written from outside.
///
/// Two ways, for two purposes:
/// - `process_vm_readv(2)` reads what the process itself may read; it can gather thousands of ranges in few
///   calls: the way to snapshot the stacks of stopped threads;
/// - `/proc/PID/mem` also writes to read-only text (the kernel makes a private copy of the page, as for a
///   debugger) without changing any protection. It is opened once and bound to the memory that the process
///   had then: after an execve(2) it reaches nothing (reads answer 0 bytes) rather than the new program.
///
/// The functions that answer a ``SystemCallResult`` neither allocate nor throw.
public struct RemoteMemory: ~Copyable, Sendable {
    /// Whose memory.
    public let process: ProcessID
    private let file: OwnedDescriptor

    /// Opens the memory of a process; needs the rights of ptrace(2).
    public init(of process: ProcessID, writable: Bool = false) throws(SystemError) {
        self.process = process
        file = try OwnedDescriptor.open("/proc/\(process)/mem", writable ? .readWrite : .readOnly)
    }

    /// Writes one range where the process itself may write: process_vm_writev(2).
    ///
    /// Answers the bytes written, fewer if the range runs into a hole or a read-only page.
    @inline(__always)
    public borrowing func write(
        _ bytes: UnsafeRawBufferPointer, at address: RemoteAddress
    ) -> SystemCallResult {
        // Sound: the kernel reads at most `count` bytes from the buffer.
        unsafe SystemCallResult(
            linux_process_vm_write(process.rawValue, bytes.baseAddress, bytes.count, address.rawValue))
    }

    /// The most ranges that one system call gathers (IOV_MAX).
    public static let rangesPerCall = 1024

    /// Reads one range: process_vm_readv(2).
    ///
    /// Answers the bytes read, fewer if the range ends in a hole.
    @inline(__always)
    public borrowing func read(
        at address: RemoteAddress, into buffer: UnsafeMutableRawBufferPointer
    ) -> SystemCallResult {
        // Sound: the kernel writes at most `count` bytes to the buffer.
        unsafe SystemCallResult(
            linux_process_vm_read(process.rawValue, buffer.baseAddress, buffer.count, address.rawValue))
    }

    /// Reads many ranges, one behind the other, into one buffer: process_vm_readv(2), 1,024 ranges a call.
    ///
    /// - Returns: the bytes read. Fewer than the sum of the counts if a range can't be read or the buffer is
    ///   full: all before that place are good. An error only if nothing was read.
    public borrowing func gather(
        _ ranges: UnsafeBufferPointer<RemoteRange>, into buffer: UnsafeMutableRawBufferPointer
    ) -> SystemCallResult {
        var done = 0
        var first = 0
        while first < ranges.count && done < buffer.count {
            let count = min(Self.rangesPerCall, ranges.count - first)
            // Sound: both slices are within their buffers; a RemoteRange is laid out as an iovec.
            let slice = unsafe UnsafeBufferPointer(rebasing: ranges[first..<first + count])
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let result = unsafe SystemCallResult(
                linux_process_vm_gather(
                    process.rawValue, rest.baseAddress, rest.count, slice.baseAddress, UInt(count)))
            if result.failed { return done > 0 ? SystemCallResult(done) : result }
            done += result.rawValue
            if unsafe result.rawValue != Self.total(slice) { break }
            first += count
        }
        return SystemCallResult(done)
    }

    private static func total(_ ranges: UnsafeBufferPointer<RemoteRange>) -> Int? {
        var sum: UInt64 = 0
        for index in 0..<ranges.count {
            // Sound: the index is below the count.
            let (next, overflow) = unsafe sum.addingReportingOverflow(ranges[index].count)
            if overflow { return nil }
            sum = next
        }
        return Int(exactly: sum)
    }

    /// Reads through `/proc/PID/mem`: also pages that the process itself may not read.
    @inline(__always)
    public borrowing func forcedRead(
        at address: RemoteAddress, into buffer: UnsafeMutableRawBufferPointer
    ) -> SystemCallResult {
        unsafe file.read(at: address.rawValue, into: buffer)
    }

    /// Writes through `/proc/PID/mem`: also to read-only pages.
    ///
    /// Needs a writable opening.
    @inline(__always)
    public borrowing func forcedWrite(
        _ bytes: UnsafeRawBufferPointer, at address: RemoteAddress
    ) -> SystemCallResult {
        unsafe file.write(bytes, at: address.rawValue)
    }
}

extension RemoteMemory {
    /// Reads a range whole, through `/proc/PID/mem`.
    ///
    /// - Parameter limit: longer ranges are refused with EFBIG before memory is taken for them.
    /// - Throws: EIO if a byte of it isn't mapped.
    public borrowing func bytes(
        _ range: RemoteRange, limit: Int = 64 << 20
    ) throws(SystemError) -> [UInt8] {
        guard let count = Int(exactly: range.count), count <= limit else {
            throw SystemError(call: "pread", errno: .fileTooLarge, object: describe(range))
        }
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let address = try part(of: range, at: done)
            // Sound: the slice is within the array, and the kernel writes no more than its count.
            let result = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe forcedRead(at: address, into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
            }
            done += try moved(result, "pread", range)
        }
        return bytes
    }

    /// Reads one 64-bit word.
    public borrowing func word(at address: RemoteAddress) throws(SystemError) -> UInt64 {
        var word: UInt64 = 0
        let range = RemoteRange(start: address, count: 8)
        // Sound: the kernel writes at most the 8 bytes of `word`.
        let result = unsafe withUnsafeMutableBytes(of: &word) { unsafe forcedRead(at: address, into: $0) }
        if try moved(result, "pread", range) != 8 {
            throw SystemError(call: "pread", errno: .inputOutput, object: describe(range))
        }
        return UInt64(littleEndian: word)
    }

    /// Writes one 64-bit word, also over read-only text.
    public borrowing func write(word: UInt64, at address: RemoteAddress) throws(SystemError) {
        try write(word.littleEndianBytes, at: address)
    }

    /// Writes all bytes, also over read-only text.
    public borrowing func write(_ bytes: [UInt8], at address: RemoteAddress) throws(SystemError) {
        let range = RemoteRange(start: address, count: UInt64(bytes.count))
        var done = 0
        while done < bytes.count {
            let address = try part(of: range, at: done)
            // Sound: the slice is within the array, and the kernel reads no more than its count.
            let result = unsafe bytes.withUnsafeBytes { buffer in
                unsafe forcedWrite(UnsafeRawBufferPointer(rebasing: buffer[done...]), at: address)
            }
            done += try moved(result, "pwrite", range)
        }
    }

    /// Writes the first `count` bytes of an array to writable memory with one call of process_vm_writev(2), which
    /// copies them directly.
    public borrowing func write(
        _ bytes: [UInt8], count: Int, at address: RemoteAddress
    ) throws(SystemError) {
        let range = RemoteRange(start: address, count: UInt64(clamping: count))
        // Sound: the slice is clamped to the array.
        let result = unsafe bytes.withUnsafeBytes { buffer in
            unsafe write(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)), at: address)
        }
        guard try moved(result, "process_vm_writev", range) == count else {
            throw SystemError(call: "process_vm_writev", errno: .badAddress, object: describe(range))
        }
    }

    private borrowing func part(of range: RemoteRange, at done: Int) throws(SystemError) -> RemoteAddress {
        guard let address = range.start.adding(UInt64(done)) else {
            throw SystemError(call: "pread", errno: .badAddress, object: describe(range))
        }
        return address
    }

    /// Bytes moved; a transfer of none means that the memory has gone with its process or by execve(2).
    private borrowing func moved(
        _ result: SystemCallResult, _ call: StaticString, _ range: RemoteRange
    ) throws(SystemError) -> Int {
        let count = try result.check(call, describe(range))
        if count == 0 {
            throw SystemError(call: call.description, errno: .noSuchProcess, object: describe(range))
        }
        return count
    }

    private borrowing func describe(_ range: RemoteRange) -> String {
        "memory \(range) of process \(process)"
    }
}

extension UInt64 {
    /// The eight bytes as they stand in memory.
    public var littleEndianBytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: self >> UInt64(8 * $0)) } }
}
