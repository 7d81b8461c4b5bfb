import ArgumentParser
import Console
import Findings
import Linux
import LivePatch
import PatchBuilder

/// What `tsugite build --kernel` takes besides.
struct KernelBuildOptions: ParsableArguments {
    @Option(
        name: .customLong("kernel"), parsing: .upToNextOption,
        help: ArgumentHelp(
            "Build for a kernel: the running one, newest, a release, a folder of unpacked packages, or .deb files.",
            valueName: "which"))
    var kernel: [String] = []
    @Option(help: ArgumentHelp("Kernel: the version all of whose fixes the diffs bring.", valueName: "version"))
    var effective: String = ""
    @Flag(help: "Kernel: stand beside other live patches instead of taking their place.")
    var beside = false
    @Option(help: ArgumentHelp("Kernel: private key that signs the module (Secure Boot).", valueName: "file"))
    var signKey: String?
    @Option(help: ArgumentHelp("Kernel: the key's certificate.", valueName: "file"))
    var signCertificate: String?

    func validate() throws {
        guard (signKey == nil) == (signCertificate == nil) else {
            throw ValidationError("Give --sign-key and --sign-certificate together.")
        }
    }

    var signature: KernelSignature? {
        guard let signKey, let signCertificate else { return nil }
        return KernelSignature(key: signKey, certificate: signCertificate)
    }
}

/// What `tsugite build --kernel` came to, as text and as JSON.
struct KernelBuildVerdict: Encodable {
    /// Name of the JSON form; that of patches for processes, with `kernel` for `manifest`.
    var schema = "tsugite.build/1"
    /// `built`, `nothing-to-do` or `blocked`.
    var outcome: String
    /// The file that was written.
    var file: String?
    /// What is in it.
    var kernel: KernelInspectReport?
    /// What was done and why.
    var notes: [String] = []
    /// How long each stage took, in seconds.
    var seconds: [String: Double] = [:]
    /// Why there is no patch.
    var findings: [Finding] = []

    /// For the exit code.
    var status: ExitStatus {
        if outcome == "built" { return .done }
        return outcome == "nothing-to-do" ? .nothingToDo : findings.first.map { ExitStatus($0) } ?? .internal
    }

    /// Prints the text form.
    func print() {
        guard let kernel, let file else {
            for finding in findings { Output.note("tsugite: \(finding)") }
            return
        }
        Output.result(kernel.text)
        for note in notes { Output.result("note: \(note)") }
        Output.result("wrote \(file)")
        Output.result("next: tsugite apply \(file) --dry-run, then tsugite apply \(file)")
    }
}
