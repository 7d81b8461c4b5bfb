import ArgumentParser
import Console
import ELF
import Findings
import KernelPatcher
import Linux
import PatchBuilder

extension KernelCommands {
    /// `tsugite kernel import`.
    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take over a livepatch module that the kernel's own klp-build made.",
            discussion: """
                The code of each function that it replaces is read from the kernel's package, and proven again before \
                the module is applied. The patch file is applied, undone, kept for the next boot and published like \
                one that tsugite built.

                EXAMPLE
                  tsugite kernel import livepatch-fix.ko --patch fix.diff -o fix.tsp
                  tsugite kernel import livepatch-fix.ko --kernel unpacked/ -o fix.tsp

                EXIT STATUS
                  0 written    13 refused, with the reason
                """)
        @Argument(help: "The module.") var module: String
        @Option(help: "The folder into which the kernel's image package was unpacked.") var kernel = "/"
        @Option(
            name: .customLong("patch"), parsing: .upToNextOption, help: "Diffs that it was made of, for the record."
        )
        var patches: [String] = []
        @Option(
            name: .customLong("advisory"), parsing: .upToNextOption, help: "Advisories that it answers (CVE-...).")
        var advisories: [String] = []
        @Option(help: "The version all of whose fixes it brings.") var effective = ""
        @Option(help: "A name for people; the file's if left out.") var name: String?
        @Flag(help: "It was built with --no-replace: it stands beside other live patches.") var beside = false
        @Option(name: .shortAndLong, help: "Where to write the patch file.") var output: String
        @Flag(help: "Print the report as JSON.") var json = false

        func run() throws {
            try reportingErrors(json: json) {
                let file = String(output.split(separator: "/").last ?? "")
                let label = KernelPatchLabel(
                    name: name ?? (file.hasSuffix(".tsp") ? String(file.dropLast(4)) : file), replaces: !beside,
                    advisories: advisories, effective: effective)
                let result = try KernelImport(root: kernel).run(module, label, diffs: patches)
                let report = KernelInspectReport(try KernelPatchFile(result.file), includesDiff: false)
                try FileSystem.replace(output, with: result.file)
                let verdict = KernelBuildVerdict(
                    outcome: "built", file: output, kernel: report, notes: result.notes)
                if json { Output.json(verdict) } else { verdict.print() }
            }
        }
    }
}
