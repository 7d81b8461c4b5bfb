import Findings
import LivePatch

/// What `tsugite build` came to, as text and as JSON.
struct BuildVerdict: Encodable {
    /// Name of the JSON form.
    var schema = "tsugite.build/1"
    /// `built`, `nothing-to-do` or `blocked`.
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
        outcome = "built"
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
        outcome = findings.allSatisfy { $0.code == .nothingToDo } ? "nothing-to-do" : "blocked"
        self.findings = findings
    }

    /// For the exit code.
    var status: ExitStatus {
        if outcome == "built" { return .done }
        return findings.map { ExitStatus($0) }.first { $0 != .nothingToDo } ?? .nothingToDo
    }

    /// Prints the text form.
    func print() {
        if let manifest, outcome == "built" {
            for target in manifest.targets { Output.result(ManifestText.target(target)) }
            for note in manifest.notes { Output.result("note: \(note)") }
            Output.result("wrote \(file ?? ""): \(size ?? 0) bytes, id \(id?.prefix(12) ?? "")")
            Output.result("next: tsugite inspect \(file ?? ""), then tsugite apply \(file ?? "")")
        } else if findings.isEmpty {
            Output.result("nothing to do: the diff changes nothing that the targets run")
        } else {
            for finding in findings { Output.note("tsugite: \(finding.description)") }
        }
    }
}
