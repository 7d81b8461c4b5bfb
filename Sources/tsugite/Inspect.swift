import ArgumentParser
import ELF
import Findings
import KernelPatcher
import Linux
import LivePatch

/// `tsugite inspect`: what is in a patch file.
struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what is in a live patch: targets, functions and why, symbols, sections, diff.",
        discussion: """
            The file is checked as if it were to be applied. readelf -a and objdump -dr open it as well; one for
            a kernel is a kernel module, which modinfo knows too.

            EXAMPLE
              tsugite inspect CVE-2025-23419.tsp --diff

            EXIT STATUS
              0 shown    13 not a usable patch file    64 wrong usage
            """)

    @Argument(help: ArgumentHelp("The patch file.", valueName: "file"))
    var file: String
    @Flag(help: "Print as JSON (schema tsugite.inspect/1).")
    var json = false
    @Flag(help: "Print the source diff too.")
    var diff = false

    func run() throws {
        try reportingErrors(json: json) {
            let bytes = try ByteStorage(reading: file, limit: LivePatch.Limits.fileSize)
            if try PatchFiles.isForKernel(bytes) {
                let report = KernelInspectReport(try KernelPatchFile(ByteView(bytes).bytes), includesDiff: diff)
                return json ? Output.json(report) : Output.result(report.text)
            }
            let patch = try PatchFile(bytes)
            let report = InspectReport(patch, includesDiff: diff)
            if json { Output.json(report) } else { Output.result(report.text) }
        }
    }
}
