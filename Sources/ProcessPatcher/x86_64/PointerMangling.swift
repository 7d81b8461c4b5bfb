import Linux

/// How the C library hides code addresses that it keeps: in `jmp_buf`, and in its lists of functions to run at exit.
///
/// Of the thread's control block of glibc on x86-64 (sysdeps/x86_64/nptl/tls.h: `pointer_guard`), and of its
/// `PTR_MANGLE`: exclusive or with the guard, then 17 bits to the left.
enum PointerMangling {
    /// Where the guard stands, counted from the thread pointer.
    static let guardOffset: UInt64 = 0x30

    /// The address that such a word hides.
    @inline(__always)
    static func revealed(_ word: UInt64, _ mask: UInt64) -> UInt64 { (word >> 17 | word << 47) ^ mask }
}
