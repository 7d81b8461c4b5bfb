import ELF
import Linux

/// The running kernel's memory, read through `/proc/kcore`.
///
/// That file is an ELF core file whose segments are the kernel's address ranges; only its headers are read
/// when it is opened.
public final class KernelMemory: Sendable {
    private let file: OwnedDescriptor
    private let segments: [Segment]
    private static let path = "/proc/kcore"

    /// Opens the file; needs the rights of root, and no lockdown of confidentiality.
    public init() throws(KernelImageError) {
        do throws(SystemError) {
            file = try OwnedDescriptor.open(Self.path)
        } catch {
            throw KernelImageError(.system(error), in: Self.path)
        }
        let head = try Self.read(file, at: 0, count: 64 << 10)
        // The section table, if any, lies behind all segments; it isn't needed.
        segments = try reading { () throws(ELFError) in try ELFFile(ByteView(head)).segments }
            .filter { $0.type == .load }
    }

    /// The bytes at a virtual address, as they are now.
    public func contents(at address: UInt64, count: Int) throws(KernelImageError) -> [UInt8] {
        for segment in segments where address >= segment.address && count >= 0 {
            let delta = address - segment.address
            guard delta < segment.fileSize, UInt64(count) <= segment.fileSize - delta else { continue }
            return try Self.read(file, at: segment.offset &+ delta, count: count)
        }
        throw KernelImageError(.missing("memory at 0x\(String(address, radix: 16))"), in: Self.path)
    }

    private static func read(_ file: borrowing OwnedDescriptor, at offset: UInt64, count: Int)
        throws(KernelImageError)
        -> [UInt8]
    {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            // The slice lies inside the array, which lives through the call.
            let result = unsafe bytes.withUnsafeMutableBytes { all in
                unsafe file.read(
                    at: offset &+ UInt64(done), into: UnsafeMutableRawBufferPointer(rebasing: all[done...]))
            }
            do throws(SystemError) {
                let got = try result.check("pread", path)
                if got == 0 { break }
                done += got
            } catch {
                throw KernelImageError(.system(error), in: path)
            }
        }
        return Array(bytes[..<done])
    }
}
