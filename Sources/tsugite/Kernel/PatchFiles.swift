import ArgumentParser
import ELF
import KernelPatcher
import Linux
import LivePatch
import ProcessPatcher

/// The patch files that a verb was given: the file's kind decides whether it is for processes or for the kernel.
enum PatchFiles {
    /// For running processes.
    case processes([PatchInput])
    /// For the running kernel.
    case kernel([KernelPatchFile])

    /// Opens and checks the files.
    static func open(_ paths: [String]) throws -> PatchFiles {
        var processes: [PatchInput] = []
        var kernel: [KernelPatchFile] = []
        for path in paths {
            let bytes = try ByteStorage(reading: path, limit: LivePatch.Limits.fileSize)
            if try isForKernel(bytes) {
                kernel.append(try KernelPatchFile(ByteView(bytes).bytes))
            } else {
                let file = try PatchFile(bytes)
                processes.append(PatchInput(file.patch, digest: file.id))
            }
        }
        guard processes.isEmpty || kernel.isEmpty else {
            throw ValidationError("Give patches for processes and patches for the kernel in runs of their own.")
        }
        return kernel.isEmpty ? .processes(processes) : .kernel(kernel)
    }

    /// Whether a file is for a kernel; a file that isn't ELF is left to the reader of patches for processes.
    static func isForKernel(_ bytes: ByteStorage) throws -> Bool {
        guard let file = try? ELFFile(ByteView(bytes)) else { return false }
        return KernelPatchFile.isOne(file)
    }
}
