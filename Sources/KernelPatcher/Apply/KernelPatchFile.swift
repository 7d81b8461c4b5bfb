public import ELF
import Linux
public import LivePatch

/// A patch file for a kernel, read whole and checked.
public struct KernelPatchFile: Sendable {
    /// The file's bytes: the kernel module, as it is handed to the kernel.
    public let bytes: [UInt8]
    /// What it says about itself.
    public let patch: KernelPatch

    /// Checks bytes.
    public init(_ bytes: [UInt8]) throws(PatchFileError) {
        self.bytes = bytes
        let file: ELFFile
        do throws(ELFError) {
            file = try ELFFile(ByteView(bytes))
        } catch {
            throw PatchFileError(.elf(error), "kernel patch")
        }
        patch = try KernelPatch(file)
    }

    /// Whether bytes are a patch file for a kernel rather than for processes.
    public static func isOne(_ file: ELFFile) -> Bool { file.section(named: KernelPatch.section) != nil }
}
