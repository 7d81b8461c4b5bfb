/// What the kernel told a program at its start: `/proc/PID/auxv`, getauxval(3).
///
/// Pairs of 64-bit words.
///
/// It lies in memory that the process can write; the kernel's own copy is what `/proc` shows.
public struct AuxiliaryVector: Hashable, Sendable {
    private var entries: [UInt64: UInt64] = [:]

    /// Parses the bytes of `/proc/PID/auxv` of a 64-bit process, little-endian; stops at AT_NULL.
    public init(parsing bytes: Span<UInt8>) {
        var position = 0
        while bytes.count - position >= 16 {
            let type = Self.word(bytes, position)
            if type == 0 { return }
            entries[type] = Self.word(bytes, position + 8)
            position += 16
        }
    }

    private static func word(_ bytes: Span<UInt8>, _ position: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<8 { word |= UInt64(bytes[position + index]) << UInt64(index * 8) }
        return word
    }

    /// The value of any type (`AT_*`), if present.
    public subscript(type: UInt64) -> UInt64? { entries[type] }

    /// Program headers of the executable in memory (AT_PHDR).
    public var programHeaders: RemoteAddress? { entries[3].map { RemoteAddress($0) } }
    /// Number of program headers (AT_PHNUM).
    public var programHeaderCount: UInt64? { entries[5] }
    /// Page size in bytes (AT_PAGESZ).
    public var pageSize: UInt64? { entries[6] }
    /// Where the dynamic linker was loaded (AT_BASE); zero for static executables.
    public var interpreterBase: RemoteAddress? { entries[7].map { RemoteAddress($0) } }
    /// Entry point of the executable (AT_ENTRY).
    public var entry: RemoteAddress? { entries[9].map { RemoteAddress($0) } }
    /// ELF header of the vDSO (AT_SYSINFO_EHDR).
    public var vdso: RemoteAddress? { entries[33].map { RemoteAddress($0) } }
}
