import ELF
import Glibc
public import Linux

/// The running kernel: two builds with one release are two kernels.
public struct KernelIdentity: Sendable, Equatable, Codable {
    /// `uname -r`.
    public var release: String
    /// `uname -v`.
    public var version: String
    /// GNU build-id, in hexadecimal; nil if the kernel doesn't tell.
    public var buildID: String?
    /// Changes with every boot.
    public var bootID: String

    /// The kernel that runs here.
    public static func current() throws(SystemError) -> KernelIdentity {
        func line(_ path: String) throws(SystemError) -> String {
            String(try FileSystem.readText(path, limit: 4096).prefix { $0 != "\n" })
        }
        let notes = (try? FileSystem.read("/sys/kernel/notes", limit: 1 << 16)) ?? []
        return KernelIdentity(
            release: try line("/proc/sys/kernel/osrelease"), version: try line("/proc/sys/kernel/version"),
            buildID: (try? Note.list(ByteView(notes)))?.buildID?.description,
            bootID: try line("/proc/sys/kernel/random/boot_id"))
    }

    /// Whether it is the same build of the same kernel, booted anew or not.
    public func isSameBuild(as other: KernelIdentity) -> Bool {
        release == other.release && version == other.version && buildID == other.buildID
    }
}
