// Taking over a module that klp-build made, so that it is applied, watched, kept and published like ours.
//
// klp-build knows what it changed; it doesn't say what code that was. So the code of each function is read from the
// shipped image here, with the bytes marked that the running kernel may have rewritten or that move with it, and the
// patcher compares it with memory as always. There is no object to tell which fields of an instruction depend on the
// place of the kernel; the instructions are decoded, and a field counts as such if what it holds is an address of the
// kernel's, or leads out of it.

import ELF
import Findings
import KernelImage
import Linux
import LivePatch

/// Makes patch files of foreign modules.
package struct KernelImport: Sendable {
    private let root: String

    /// Takes the folder into which the image package was unpacked; `/` for the running kernel's.
    package init(root: String) { self.root = root.hasSuffix("/") ? String(root.dropLast()) : root }

    /// Makes a patch file.
    /// - Parameters:
    ///   - path: the module.
    ///   - diffs: the source diffs that it was made of, for the record.
    package func run(_ path: String, _ label: KernelPatchLabel, diffs: [String]) throws(BuildError)
        -> KernelBuildResult
    {
        let bytes = try WorkFolder.read(path)
        let file: ELFFile
        do throws(ELFError) { file = try ELFFile(ByteView(bytes)) } catch {
            throw BuildError(error.finding).adding("module", path)
        }
        let foreign = try ForeignModule(file)
        let kernel = try ImportedKernel("\(root)/boot/vmlinuz-\(foreign.release)")
        var targets: [KernelPatchTarget] = []
        for object in foreign.objects { targets.append(try target(object, kernel, foreign.release)) }
        let patch = KernelPatch(
            name: label.name, module: foreign.name, release: foreign.release, buildID: kernel.binary.buildID,
            changes: try diffs.map { (path) throws(BuildError) in Digest(of: try WorkFolder.read(path)) },
            advisories: label.advisories, effective: label.effective, replaces: label.replaces, targets: targets)
        let diff = try diffs.map { (path) throws(BuildError) in try WorkFolder.read(path) }
        let written = try write(patch, behind: file, diff: diff.flatMap { $0 })
        return KernelBuildResult(file: written, patch: patch, notes: ["\(foreign.name) was made by klp-build"])
    }

    private func write(_ patch: KernelPatch, behind file: ELFFile, diff: [UInt8]) throws(BuildError) -> [UInt8] {
        var appendix = SectionAppendix(file)
        appendix.add(KernelPatch.noteSection, type: .note, flags: [.alloc], alignment: 4, contents: patch.note)
        appendix.add(KernelPatch.section, type: .progbits, flags: [], alignment: 1, contents: patch.encoded)
        appendix.add(".tsugite.diff", type: .progbits, flags: [], alignment: 1, contents: diff)
        do throws(ELFError) { return try appendix.encode() } catch { throw BuildError(error.finding) }
    }

    private func target(_ object: ForeignModule.Object, _ kernel: ImportedKernel, _ release: String)
        throws(BuildError) -> KernelPatchTarget
    {
        guard object.name != "vmlinux" else {
            return KernelPatchTarget(
                name: object.name, buildID: nil,
                functions: try object.functions.map { (function) throws(BuildError) in
                    try kernel.code(function, kernel.binary)
                })
        }
        let folder = "\(root)/lib/modules/\(release)"
        guard let path = try KernelPackage.moduleFile(object.name, below: folder) else {
            throw BuildError(
                .kernelSource, "this kernel has no module \(object.name)", evidence: ["folder": folder],
                remedy: "Give the folder of the image package that has it: --kernel FOLDER.")
        }
        let (module, id) = try kernel.module(path)
        return KernelPatchTarget(
            name: object.name, buildID: id,
            functions: try object.functions.map { (function) throws(BuildError) in
                try kernel.code(function, module)
            })
    }
}
