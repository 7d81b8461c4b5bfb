import CLz4
import CLzma
import CZlib
import CZstd

// The four libraries behind one signature. Each is told how many bytes the input has and how many the output
// may get, and none writes more; that is what makes every call here sound.

enum Decoders {
    /// RFC 1952, one member.
    static func gzip(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer)
        -> Result<Int, DecodeFailure>
    {
        var stream = unsafe z_stream()
        // 16 more than the window's size asks for the gzip wrapper.
        guard unsafe inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            return .failure(DecodeFailure(reason: "no memory"))
        }
        // The library doesn't write through `next_in`, which older headers declare mutable.
        unsafe stream.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.avail_in = UInt32(clamping: input.count)
        unsafe stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.avail_out = UInt32(clamping: output.count)
        let result = unsafe inflate(&stream, Z_FINISH)
        let count = unsafe Int(stream.total_out)
        unsafe inflateEnd(&stream)
        return result == Z_STREAM_END ? .success(count) : .failure(DecodeFailure(reason: "zlib error \(result)"))
    }

    /// The .xz format and the older .lzma one.
    static func xz(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer)
        -> Result<Int, DecodeFailure>
    {
        var stream = unsafe lzma_stream()
        let started = unsafe lzma_auto_decoder(&stream, memoryLimit, 0)
        guard started == LZMA_OK else { return .failure(DecodeFailure(reason: "lzma error \(started.rawValue)")) }
        defer { unsafe lzma_end(&stream) }
        unsafe stream.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.avail_in = input.count
        unsafe stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.avail_out = output.count
        let result = unsafe lzma_code(&stream, LZMA_FINISH)
        guard result == LZMA_STREAM_END else {
            return .failure(DecodeFailure(reason: "lzma error \(result.rawValue)"))
        }
        return unsafe .success(Int(stream.total_out))
    }

    /// RFC 8878, one frame.
    static func zstd(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer)
        -> Result<Int, DecodeFailure>
    {
        let frame = unsafe ZSTD_findFrameCompressedSize(input.baseAddress, input.count)
        guard ZSTD_isError(frame) == 0, frame <= input.count else {
            return .failure(DecodeFailure(reason: "damaged frame"))
        }
        let count = unsafe ZSTD_decompress(output.baseAddress, output.count, input.baseAddress, frame)
        guard ZSTD_isError(count) == 0 else {
            // The library's names of errors are static strings.
            return .failure(DecodeFailure(reason: unsafe String(cString: ZSTD_getErrorName(count))))
        }
        return .success(count)
    }

    /// The legacy frame of LZ4, which the kernel's build uses: a magic number, then blocks with their length
    /// before them; the last 4 bytes may be the expanded size instead of a block.
    static func lz4(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer)
        -> Result<Int, DecodeFailure>
    {
        var (at, count) = (4, 0)
        while input.count - at > 4 {
            let length = unsafe Int(UInt32(littleEndian: input.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
            at += 4
            guard length > 0, length <= input.count - at else {
                return .failure(DecodeFailure(reason: "block of \(length) bytes at offset \(at)"))
            }
            let room = min(output.count - count, blockSize)
            let source = unsafe input.baseAddress?.advanced(by: at).assumingMemoryBound(to: CChar.self)
            let target = unsafe output.baseAddress?.advanced(by: count).assumingMemoryBound(to: CChar.self)
            let got = unsafe LZ4_decompress_safe(source, target, Int32(clamping: length), Int32(room))
            guard got >= 0 else { return .failure(DecodeFailure(reason: "damaged block at offset \(at)")) }
            at += length
            count += Int(got)
        }
        return .success(count)
    }

    private static let memoryLimit: UInt64 = 1 << 28
    private static let blockSize = 8 << 20
}
