import CLinux

// Moving bytes through descriptors. Partial transfers are continued here, so that callers see whole ones.

extension OwnedDescriptor {
    /// Reads once into `buffer`: the number of bytes, 0 at the end.
    ///
    /// Nothing is allocated.
    public borrowing func read(into buffer: UnsafeMutableRawBufferPointer) -> SystemCallResult {
        // Sound: the kernel writes at most `count` bytes to the buffer.
        retryingInterrupts { unsafe linux_read(rawValue, buffer.baseAddress, buffer.count) }
    }

    /// Reads once from a position: the number of bytes, 0 at the end.
    ///
    /// Nothing is allocated.
    public borrowing func read(
        at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer
    ) -> SystemCallResult {
        // Sound: the kernel writes at most `count` bytes to the buffer.
        retryingInterrupts {
            unsafe linux_pread(rawValue, buffer.baseAddress, buffer.count, offset)
        }
    }

    /// Writes once to a position: the number of bytes taken.
    ///
    /// Nothing is allocated.
    public borrowing func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) -> SystemCallResult {
        // Sound: the kernel reads at most `count` bytes from the buffer.
        retryingInterrupts {
            unsafe linux_pwrite(rawValue, bytes.baseAddress, bytes.count, offset)
        }
    }

    /// Reads everything from here to the end into `buffer`, which grows as needed and keeps its size for
    /// the next use; answers how many bytes at its front are the file's.
    ///
    /// - Parameter limit: more bytes than this are refused with EFBIG: a file that grows while it is read, or
    ///   a device that never ends.
    public borrowing func readAll(
        into buffer: inout [UInt8], limit: Int, name: @autoclosure () -> String
    ) throws(SystemError) -> Int {
        var count = 0
        while true {
            if count == buffer.count {
                buffer.append(contentsOf: repeatElement(0, count: max(16_384, buffer.count)))
            }
            // Sound: the slice is within the array, and the kernel writes no more than its count.
            let result = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[count...]))
            }
            let got = try result.check("read", name())
            if got == 0 { return count }
            count += got
            if count > limit { throw SystemError(call: "read", errno: .fileTooLarge, object: name()) }
        }
    }

    /// Reads once, as much as there is and fits: read(2); answers how many bytes at the front are new, 0 at the end.
    public borrowing func readSome(
        into buffer: inout [UInt8], name: @autoclosure () -> String
    ) throws(SystemError) -> Int {
        // Sound: the kernel writes no more than the array's count into it.
        let result = unsafe buffer.withUnsafeMutableBytes { bytes in unsafe read(into: bytes) }
        return try result.check("read", name())
    }

    /// Writes all bytes at the current position: write(2) until done.
    public borrowing func writeAll(
        _ bytes: [UInt8], name: @autoclosure () -> String
    ) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            // Sound: the slice is within the array, and the kernel reads no more than its count.
            let result = unsafe bytes.withUnsafeBytes { all in
                retryingInterrupts {
                    unsafe linux_write(rawValue, all.baseAddress.map { unsafe $0 + done }, all.count - done)
                }
            }
            done += try result.check("write", name())
        }
    }

    /// Makes the file's bytes survive a power cut: fsync(2).
    public borrowing func synchronise(name: @autoclosure () -> String) throws(SystemError) {
        try retryingInterrupts { linux_fsync(rawValue) }.check("fsync", name())
    }

    /// Makes everything on the file's file system survive a power cut: syncfs(2).
    ///
    /// One call instead of an fsync(2) for each of thousands of files.
    public borrowing func synchroniseFileSystem(name: @autoclosure () -> String) throws(SystemError) {
        try retryingInterrupts { linux_syncfs(rawValue) }.check("syncfs", name())
    }
}

extension OwnedDescriptor {
    /// Whether there is something to read, or comes in time: poll(2).
    public borrowing func isReadable(milliseconds: Int32) -> Bool {
        var asked = rawValue
        var ready: Int32 = 0
        // Sound: count 1 for the one descriptor and the one answer.
        return SystemCallResult(unsafe linux_poll(&asked, 1, milliseconds, &ready)).rawValue > 0
    }

    /// Reads one byte and forgets it; waits for it.
    public borrowing func takeByte() {
        var byte: UInt8 = 0
        // Sound: the kernel writes at most the one byte.
        _ = unsafe withUnsafeMutableBytes(of: &byte) { unsafe read(into: $0) }
    }
}
