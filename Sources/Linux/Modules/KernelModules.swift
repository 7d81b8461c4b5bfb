import CLinux

/// Loading and unloading of kernel modules; needs the rights of root.
public enum KernelModules {
    /// Loads a module whose file is in memory: init_module(2).
    ///
    /// The bytes that were checked are the bytes that are loaded; no file is read again. The call returns when
    /// the module's start has run.
    /// - Throws: EBUSY, ENOEXEC, ENOKEY, EPERM and others, with the kernel's own words in its log.
    public static func load(_ image: [UInt8], name: String) throws(SystemError) {
        // Sound: the kernel reads `count` bytes of the array, and the terminated empty string, during the call.
        let result = unsafe image.withUnsafeBytes { bytes in
            unsafe SystemCallResult(linux_init_module(bytes.baseAddress, UInt(bytes.count), ""))
        }
        try result.check("init_module", name)
    }

    /// Unloads a module: delete_module(2), which fails at once if the module is in use.
    public static func unload(_ name: String) throws(SystemError) {
        // Sound: the string is passed as a terminated copy that lives through the call.
        let result = unsafe SystemCallResult(linux_delete_module(name, LINUX_MODULE_NO_WAIT))
        try result.check("delete_module", name)
    }
}
