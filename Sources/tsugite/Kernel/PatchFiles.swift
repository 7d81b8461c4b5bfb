import ArgumentParser
import ELF
import KernelPatcher
import Linux
import LivePatch
import ProcessPatcher

/// A patch for processes, and its file.
typealias LoadedPatch = (input: PatchInput, file: ByteStorage)

/// The patch files that a verb was given: the file's kind decides whether it is for processes or for the kernel.
enum PatchFiles {
    /// For running processes.
    case processes([LoadedPatch])
    /// For the running kernel.
    case kernel([KernelPatchFile])

    /// Opens and checks the files.
    static func open(_ paths: [String]) throws -> PatchFiles {
        var processes: [LoadedPatch] = []
        var kernel: [KernelPatchFile] = []
        for path in paths {
            let bytes = try ByteStorage(reading: path, limit: LivePatch.Limits.fileSize)
            if try isForKernel(bytes) {
                kernel.append(try KernelPatchFile(ByteView(bytes).bytes))
            } else {
                processes.append(try forProcesses(bytes))
            }
        }
        guard processes.isEmpty || kernel.isEmpty else {
            throw ValidationError("Give patches for processes and patches for the kernel in runs of their own.")
        }
        return kernel.isEmpty ? .processes(processes) : .kernel(kernel)
    }

    /// Opens and checks one that can only be for processes.
    static func forProcesses(_ path: String) throws -> LoadedPatch {
        try forProcesses(ByteStorage(reading: path, limit: LivePatch.Limits.fileSize))
    }

    private static func forProcesses(_ bytes: ByteStorage) throws -> LoadedPatch {
        (PatchInput(try PatchFile(bytes)), bytes)
    }

    /// Whether a file is for a kernel; a file that isn't ELF is left to the reader of patches for processes.
    static func isForKernel(_ bytes: ByteStorage) throws -> Bool {
        guard let file = try? ELFFile(ByteView(bytes)) else { return false }
        return KernelPatchFile.isOne(file)
    }
}
