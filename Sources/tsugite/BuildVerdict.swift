import Findings
import LivePatch

/// What `tsugite build` came to, as text and as JSON.
struct BuildVerdict: Encodable {
    /// Name of the JSON form.
    var schema = "tsugite.build/1"
    /// `done`, `nothing-to-do`, `blocked` or `internal`; see docs/exit-codes.md.
    var outcome: String
    /// The file that was written.
    var file: String?
    /// SHA-256 of the file: the patch's id.
    var id: String?
    /// In bytes.
    var size: Int?
    /// What is in the patch and why.
    var manifest: Manifest?
    /// Why there is no patch.
    var findings: [Finding] = []

    /// A patch was written.
    init(file: String, id: Digest, size: Int, _ manifest: Manifest) {
        outcome = "done"
        self.file = file
        self.id = id.description
        self.size = size
        self.manifest = manifest
    }

    /// The diff changes nothing that runs.
    init(nothingToDo manifest: Manifest) {
        outcome = "nothing-to-do"
        self.manifest = manifest
    }

    /// No patch.
    init(findings: [Finding]) {
        let isNothing = findings.allSatisfy { $0.code == .nothingToDo }
        let isInternal = findings.contains { ExitStatus.of($0) == ExitStatus.internal }
        outcome = isNothing ? "nothing-to-do" : isInternal ? "internal" : "blocked"
        self.findings = findings
    }

    /// How the command ends.
    var exitStatus: Int32 {
        switch outcome {
        case "done": 0
        case "nothing-to-do": 10
        case "internal": ExitStatus.internal
        default: ExitStatus.blocked
        }
    }

    /// Prints the text form.
    func print() {
        if let manifest, outcome == "done" {
            for target in manifest.targets { Printer.out(ManifestText.target(target)) }
            for note in manifest.notes { Printer.out("note: \(note)") }
            Printer.out("wrote \(file ?? ""): \(size ?? 0) bytes, id \(id?.prefix(12) ?? "")")
            Printer.out("next: tsugite inspect \(file ?? ""), then tsugite apply \(file ?? "")")
        } else if findings.isEmpty {
            Printer.out("nothing to do: the diff changes nothing that the targets run")
        } else {
            for finding in findings { Printer.error("tsugite: \(finding.description)") }
        }
    }
}
