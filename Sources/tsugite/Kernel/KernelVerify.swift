import ArgumentParser
import Console
import Findings
import KernelImage

extension KernelCommands {
    /// `tsugite kernel verify`.
    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare the whole code of the running kernel with its image.",
            discussion: """
                Every byte must be the image's, unless one of the image's own tables says that the kernel rewrites it. \
                Symbols must be where the image has them, all moved by the same distance. Needs root.

                EXAMPLE
                  tsugite kernel verify
                  tsugite kernel verify /boot/vmlinuz-6.1.0-56-cloud-amd64 --json

                EXIT STATUS
                  0 the same    13 another kernel, or code that nothing explains
                """)
        @Argument(help: "The boot image; by default that of the running kernel in /boot.") var image: String?
        @OptionGroup var output: OutputOptions

        func run() throws {
            try reportingErrors(json: output.json) {
                let running = try RunningKernel()
                let path = image ?? "/boot/vmlinuz-\(running.release)"
                let binary = try KernelBinary(reading: path)
                guard binary.buildID == running.buildID else {
                    throw KernelVerifyError(
                        Finding(
                            .kernelOther, "\(path) is the image of another kernel",
                            evidence: [
                                "image": "\(binary.release) \(binary.buildID)",
                                "running": "\(running.release) \(running.buildID)",
                            ]))
                }
                let found = try ImageComparison(binary, try LiveKernel())
                if output.json { Output.json(found) } else { Output.result(Self.text(found)) }
                guard found.isSame else { throw KernelVerifyError(Self.finding(found)) }
            }
        }

        private static func text(_ found: ImageComparison) -> String {
            var lines = [
                "\(found.symbols) symbols, moved by 0x\(String(found.moved, radix: 16)): \(found.missing.count) missing",
                "\(found.bytes) bytes of code: \(found.changed.values.reduce(0, +)) changed by the kernel itself",
            ]
            for (what, count) in found.changed.sorted(by: { $0.value > $1.value }) {
                lines.append("    \(count) \(what)")
            }
            return lines.joined(separator: "\n")
        }

        private static func finding(_ found: ImageComparison) -> Finding {
            let strange = found.unexplained + found.missing
            return Finding(
                .kernelMismatch, "the running kernel's code isn't its image's, in \(strange.count) places",
                evidence: ["functions": strange.prefix(12).joined(separator: ", ")],
                remedy: "Find out who changes the kernel's code; tsugite applies nothing where its proof fails.")
        }
    }
}

/// The running kernel isn't what was expected.
private struct KernelVerifyError: DiagnosableError {
    let finding: Finding
    init(_ finding: Finding) { self.finding = finding }
}
