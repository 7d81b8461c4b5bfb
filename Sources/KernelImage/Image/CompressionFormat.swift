public import ELF
import Linux

/// How a kernel image or a module file is compressed, told by its first bytes.
public enum CompressionFormat: String, Sendable, CaseIterable {
    case gzip, xz, lzma, zstd, lz4, bzip2, lzo

    private var magic: [UInt8] {
        switch self {
        case .gzip: [0x1f, 0x8b]
        case .xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]
        case .lzma: [0x5d, 0x00, 0x00]
        case .zstd: [0x28, 0xb5, 0x2f, 0xfd]
        case .lz4: [0x02, 0x21, 0x4c, 0x18]
        case .bzip2: [0x42, 0x5a, 0x68]
        case .lzo: [0x89, 0x4c, 0x5a, 0x4f]
        }
    }

    /// Recognises the format; `nil` if it is none of them.
    public init?(_ bytes: ByteView) {
        let head = (try? bytes.slice(0, UInt64(min(bytes.count, 8)), ""))?.bytes ?? []
        guard let found = Self.allCases.first(where: { head.starts(with: $0.magic) }) else { return nil }
        self = found
    }

    /// Expands the whole stream; bytes behind its end (a signature, a size) are ignored.
    ///
    /// `expected` is a hint of how much to allocate, which nobody has to be right about.
    /// - Throws: ``KernelImageError`` if the stream is damaged or expands to more than `limit` bytes.
    public func expand(_ input: ByteView, limit: Int, expected: Int? = nil) throws(KernelImageError) -> ByteView {
        // A wrong hint (a module has none) is replaced by the most that the stream may become; memory that
        // isn't written costs nothing.
        let capacities = [expected.map { min($0, limit) }, limit].compactMap { $0 }.filter { $0 > 0 }
        var failure = "no output"
        for capacity in capacities {
            guard let decode = unsafe decoder else {
                throw KernelImageError(.unsupported("compression \(rawValue)"))
            }
            // The input view stays valid during the call; the output has the capacity that is passed with it.
            let storage = unsafe ByteStorage.filled(capacity: capacity) { output in
                unsafe input.withBytes { bytes in
                    switch unsafe decode(bytes, output) {
                    case .success(let count): return count
                    case .failure(let error):
                        failure = error.reason
                        return nil
                    }
                }
            }
            if let storage { return try trimmed(storage) }
        }
        throw KernelImageError(.damagedPayload("\(rawValue): \(failure)"))
    }

    /// A storage that uses only a small part of its allocation is copied to one that fits.
    private func trimmed(_ storage: ByteStorage) throws(KernelImageError) -> ByteView {
        guard storage.count < 16 << 20 else { return ByteView(storage) }
        return ByteView(ByteView(storage).bytes)
    }

    private var decoder: Decoder? {
        switch self {
        case .gzip: unsafe Decoders.gzip
        case .xz, .lzma: unsafe Decoders.xz
        case .zstd: unsafe Decoders.zstd
        case .lz4: unsafe Decoders.lz4
        case .bzip2, .lzo: nil
        }
    }
}

/// Why a stream can't be expanded.
struct DecodeFailure: Error { let reason: String }

/// Expands a stream from its first byte; answers how many bytes it wrote.
typealias Decoder = (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) -> Result<Int, DecodeFailure>
