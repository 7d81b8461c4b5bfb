import ELF
import Linux

/// The memory of one process, open for as long as we deal with it.
///
/// It was opened when the process was looked at, and is bound to the program that ran then: after an execve(2) or
/// the process's end everything answers `gone`, and nothing can reach the program that came instead.
final class ProcessMemory {
    let process: ProcessID
    let remote: RemoteMemory

    /// Opens the memory for reading and writing.
    init(_ process: ProcessID) throws(PatcherError) {
        self.process = process
        remote = try onProcess(process) { () throws(SystemError) in
            try RemoteMemory(of: process, writable: true)
        }
    }

    /// Reads a range whole.
    func bytes(_ start: RemoteAddress, _ count: Int) throws(PatcherError) -> [UInt8] {
        try onProcess(process) { () throws(SystemError) in
            try remote.bytes(RemoteRange(start: start, count: UInt64(count)))
        }
    }

    /// Reads one word.
    func word(_ address: RemoteAddress) throws(PatcherError) -> UInt64 {
        try onProcess(process) { () throws(SystemError) in try remote.word(at: address) }
    }

    /// Writes all bytes.
    func write(_ bytes: [UInt8], at address: RemoteAddress) throws(PatcherError) {
        try onProcess(process) { () throws(SystemError) in try remote.write(bytes, at: address) }
    }

    /// The memory as the readers of the ELF room want it, page by page, each read once.
    func source() -> PagedBytes {
        PagedBytes { (address, count) throws(ELFError) in
            let range = RemoteRange(start: RemoteAddress(address), count: UInt64(count))
            do {
                return try self.remote.bytes(range)
            } catch {
                throw ELFError(.unreadable, at: address, "memory of process \(self.process)")
            }
        }
    }
}
