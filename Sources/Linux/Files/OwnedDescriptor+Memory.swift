import CLinux

extension OwnedDescriptor {
    /// A file in memory without a name in any directory: memfd_create(2).
    ///
    /// - Parameter executable: whether it may be mapped executable or run (Linux 6.3 and newer ask).
    public static func memory(
        name: String, executable: Bool = false
    ) throws(SystemError) -> OwnedDescriptor {
        let closeOnExec: UInt32 = 1
        // Sound: the string is passed as a terminated copy that lives through the call.
        var result = unsafe SystemCallResult(linux_memfd_create(name, closeOnExec | (executable ? 0x10 : 8)))
        if result.error == .invalidArgument {
            // An older kernel doesn't know the two flags, and lets every one be executable. Sound: as above.
            result = unsafe SystemCallResult(linux_memfd_create(name, closeOnExec))
        }
        let fd = try result.check("memfd_create", name)
        return OwnedDescriptor(adopting: Int32(truncatingIfNeeded: fd))
    }
}
