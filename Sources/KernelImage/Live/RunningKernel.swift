public import ELF
import Linux

/// What the running kernel says about itself.
public struct RunningKernel: Sendable {
    /// As uname(2) tells it.
    public let release: String
    /// From `/sys/kernel/notes`.
    public let buildID: BuildID

    /// Asks the kernel.
    public init() throws(KernelImageError) {
        let notes = try Self.read("/sys/kernel/notes")
        guard let id = try Self.buildID(inNotes: notes) else {
            throw KernelImageError(.missing("build-id"), in: "/sys/kernel/notes")
        }
        buildID = id
        release = String(decoding: try Self.read("/proc/sys/kernel/osrelease"), as: UTF8.self).trimmingNewline
    }

    /// The build-id among the kernel's notes.
    public static func buildID(inNotes bytes: [UInt8]) throws(KernelImageError) -> BuildID? {
        try reading { () throws(ELFError) in
            try Note.list(ByteView(bytes)).first { $0.owner == "GNU" && $0.type == 3 }.map {
                BuildID($0.descriptor)
            }
        }
    }

    /// Symbols of the running kernel; needs the rights of root.
    public static func symbols(_ selection: LiveSymbols.Selection = .all) throws(KernelImageError) -> LiveSymbols {
        let path = "/proc/kallsyms"
        let file: OwnedDescriptor
        do throws(SystemError) {
            file = try OwnedDescriptor.open(path)
        } catch {
            throw KernelImageError(.system(error), in: path)
        }
        var reader = LiveSymbols.Reader(selection)
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count: Int
            do throws(SystemError) {
                count = try file.readSome(into: &buffer, name: path)
            } catch {
                throw KernelImageError(.system(error), in: path)
            }
            if count == 0 { return try reader.finish() }
            try reader.read(buffer[..<count])
        }
    }

    /// The running kernel's types.
    public static func types() throws(KernelImageError) -> BTF {
        try BTF(ByteView(try read("/sys/kernel/btf/vmlinux")))
    }

    /// The build-id of a loaded module; `nil` if it has none.
    public static func buildID(ofModule name: String) throws(KernelImageError) -> BuildID? {
        try buildID(inNotes: try read("/sys/module/\(name)/notes/.note.gnu.build-id"))
    }

    private static func read(_ path: String) throws(KernelImageError) -> [UInt8] {
        do throws(SystemError) {
            return try FileSystem.read(path, limit: 256 << 20)
        } catch {
            throw KernelImageError(.system(error), in: path)
        }
    }
}
