import CZlib
import CZstd
public import ELF
import Linux

// Debugging information is often stored compressed. Three forms are in use:
//
//     SHF_COMPRESSED   Elf64_Chdr (type, reserved, size, alignment) │ zlib or zstd stream     gABI chapter 4
//     .zdebug_*        "ZLIB" │ size, 64 bits big-endian │ zlib stream                         older GNU tools
//
// The size is the file's own claim and nobody has to tell the truth: it is limited before memory is asked for,
// and the stream must give exactly that many bytes. This is a room of its own because only what reads debugging
// information needs the two libraries.

extension ELFFile {
    /// The contents of a section, expanded if they are compressed.
    /// - Throws: ``ELFError/Kind/compression`` if the stream is damaged, doesn't have the size that its header
    ///   claims, or would have more than `limit` bytes.
    public func expandedContents(of section: Section, limit: UInt64 = 1 << 30) throws(ELFError) -> ByteView {
        let raw = try rawContents(of: section)
        guard let stream = try CompressedStream(raw, section) else { return raw }
        let most = UInt64(stream.bytes.count).multipliedReportingOverflow(by: stream.format.largestRatio)
        guard stream.size <= limit, most.overflow || stream.size <= most.partialValue else {
            throw ELFError(.compression, at: section.offset, "\(section.name): \(stream.size) bytes when expanded")
        }
        let storage = unsafe ByteStorage.filled(capacity: Int(stream.size)) { output in
            // Both views stay valid during the call, and `output` has the size that is passed with it.
            unsafe stream.bytes.withBytes { unsafe stream.format.expand($0, into: output) }
        }
        guard let storage, storage.count == Int(stream.size) else {
            throw ELFError(.compression, at: section.offset, "\(section.name): damaged stream")
        }
        return ByteView(storage)
    }
}

/// How a section's bytes are compressed.
private enum CompressionFormat: UInt32 {
    case zlib = 1
    case zstd = 2

    /// No valid stream expands more than that, give or take its last block: one length code of DEFLATE stands
    /// for 258 bytes in a quarter of a byte, one block of zstd for 128 KiB in four bytes.
    var largestRatio: UInt64 {
        switch self {
        case .zlib: 1040
        case .zstd: 1 << 16
        }
    }

    /// Expands a whole stream; `nil` if it is damaged or too large for the output.
    func expand(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Int? {
        switch self {
        case .zlib:
            var size = uLongf(output.count)
            // The library writes at most `size` bytes to the output and sets it to what it wrote.
            let result = unsafe uncompress(
                output.baseAddress?.assumingMemoryBound(to: Bytef.self), &size,
                input.baseAddress?.assumingMemoryBound(to: Bytef.self), uLong(input.count))
            return result == Z_OK ? Int(size) : nil
        case .zstd:
            // The library writes at most as many bytes as it is told that the output has.
            let size = unsafe ZSTD_decompress(output.baseAddress, output.count, input.baseAddress, input.count)
            return ZSTD_isError(size) == 0 ? Int(size) : nil
        }
    }
}

/// A compressed stream and what its header says.
private struct CompressedStream {
    let format: CompressionFormat
    let size: UInt64
    let bytes: ByteView

    /// `nil` if the section isn't compressed.
    init?(_ raw: ByteView, _ section: Section) throws(ELFError) {
        if section.flags.contains(.compressed) {
            let number: UInt32 = try raw.load(0)
            guard let format = CompressionFormat(rawValue: number) else {
                throw ELFError(.unsupported, at: section.offset, "compression \(number) of \(section.name)")
            }
            self.format = format
            size = try raw.load(8)
            bytes = try raw.slice(24, UInt64(clamping: raw.count - 24), "compressed \(section.name)")
        } else if section.name.hasPrefix(".zdebug_"), raw.count >= 12,
            try raw.load(0, as: UInt32.self) == 0x4249_4c5a
        {
            format = .zlib
            size = (try raw.load(4, as: UInt64.self)).byteSwapped
            bytes = try raw.slice(12, UInt64(raw.count - 12), "compressed \(section.name)")
        } else {
            return nil
        }
    }
}
