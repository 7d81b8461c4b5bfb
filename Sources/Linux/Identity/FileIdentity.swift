import CLinux

/// Which file it is, whatever its name: device and inode.
///
/// Two mount namespaces name the same file differently, and a package upgrade puts another file under the
/// same name; this pair tells both apart. The device is encoded as in `stat.st_dev`.
///
/// On btrfs and overlayfs `stat` and `/proc/PID/maps` may name different devices for one file; compare
/// identities that come from the same source.
public struct FileIdentity: Hashable, Sendable, CustomStringConvertible {
    /// The device, as `makedev(3)` encodes it.
    public var device: UInt64
    /// The inode number on that device.
    public var inode: UInt64

    /// Makes an identity from an encoded device.
    @inlinable
    public init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    /// `major:minor:inode`, device numbers in hexadecimal as in `/proc/PID/maps`.
    public var description: String {
        let major = String(linux_device_major(device), radix: 16)
        let minor = String(linux_device_minor(device), radix: 16)
        return "\(major):\(minor):\(inode)"
    }

    /// Encodes major and minor number as `makedev(3)` does.
    @inlinable
    public static func device(major: UInt32, minor: UInt32) -> UInt64 {
        UInt64(minor & 0xff) | UInt64(major & 0xfff) << 8 | UInt64(minor & ~0xff) << 12
            | UInt64(major & ~0xfff) << 32
    }
}
