public import ELF
import Linux
public import LivePatch

/// A patch file for a kernel, read whole and checked.
public struct KernelPatchFile: Sendable {
    /// The file's bytes: the kernel module, as it is handed to the kernel.
    public let bytes: [UInt8]
    /// What it says about itself.
    public let patch: KernelPatch
    /// The SHA-256 digest of the whole file: the patch's identity.
    public let id: Digest
    /// Whether a signature stands behind the module, as the kernel's own tool appends it.
    public let isSigned: Bool

    /// Checks bytes.
    public init(_ bytes: [UInt8]) throws(PatchFileError) {
        self.bytes = bytes
        let file: ELFFile
        do throws(ELFError) {
            file = try ELFFile(ByteView(bytes))
        } catch {
            throw PatchFileError(.elf(error), "kernel patch")
        }
        guard file.machine == .x86_64 else { throw PatchFileError(.architecture(file.machine), "kernel patch") }
        patch = try KernelPatch(file)
        // The names become paths in /sys and words in messages.
        for name in [patch.module] + patch.targets.map(\.name) where !Self.isModuleName(name) {
            throw PatchFileError(.malformed, "no name of a module: \(name.prefix(60))")
        }
        guard try Self.moduleName(file) == patch.module else {
            throw PatchFileError(.malformed, "the module has another name than \(patch.module)")
        }
        id = Digest(of: bytes)
        isSigned = bytes.suffix(Self.signatureMark.count).elementsEqual(Self.signatureMark)
    }

    /// Whether bytes are a patch file for a kernel rather than for processes.
    public static func isOne(_ file: ELFFile) -> Bool { file.section(named: KernelPatch.section) != nil }

    private static let signatureMark = Array("~Module signature appended~\n".utf8)

    /// Letters, digits, `_` and `-`, at most 55.
    static func isModuleName(_ name: String) -> Bool {
        (1...55).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                $0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x5f
                    || $0 == 0x2d
            }
    }

    /// The name by which the kernel will know the module: the pair `name=` of `.modinfo`.
    private static func moduleName(_ file: ELFFile) throws(PatchFileError) -> String? {
        guard let section = file.section(named: ".modinfo") else { return nil }
        do throws(ELFError) {
            let pairs = try file.rawContents(of: section).bytes.split(separator: 0)
            return pairs.lazy.map { String(decoding: $0, as: UTF8.self) }.first { $0.hasPrefix("name=") }
                .map { String($0.dropFirst(5)) }
        } catch {
            throw PatchFileError(.elf(error), ".modinfo")
        }
    }
}
