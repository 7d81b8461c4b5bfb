import Console
import Findings
import LivePatch
import PatchBuilder

/// What `tsugite build` came to, as text and as JSON.
struct BuildVerdict: Encodable {
    /// Name of the JSON form.
    var schema = "tsugite.build/2"
    /// `built`, `nothing-to-do` or `blocked`.
    var outcome: String
    /// One patch file.
    struct Written: Encodable {
        /// Where it is.
        var file: String
        /// SHA-256 of the file: the patch's id.
        var id: String
        /// In bytes.
        var size: Int
        /// What is in the patch and why.
        var manifest: Manifest
    }

    /// The files that were written.
    var patches: [Written] = []
    /// What the diff comes to if there is nothing to do.
    var manifest: Manifest?
    /// Why there is no patch.
    var findings: [Finding] = []
    /// What to know about the package that was built.
    var notes: [String] = []
    /// Every ELF file that the package ships.
    var shipped: [ShippedOutcome]?

    /// Patches were written.
    init(_ patches: [Written], notes: [String] = [], shipped: [ShippedOutcome]? = nil) {
        outcome = "built"
        self.patches = patches
        self.notes = notes
        self.shipped = shipped
    }

    /// The diff changes nothing that runs.
    init(nothingToDo manifest: Manifest, notes: [String] = [], shipped: [ShippedOutcome]? = nil) {
        outcome = "nothing-to-do"
        self.manifest = manifest
        self.notes = notes
        self.shipped = shipped
    }

    /// No patch.
    init(findings: [Finding], notes: [String] = [], shipped: [ShippedOutcome]? = nil) {
        outcome = findings.allSatisfy { $0.code == .nothingToDo } ? "nothing-to-do" : "blocked"
        self.findings = findings
        self.notes = notes
        self.shipped = shipped
    }

    /// For the exit code.
    var status: ExitStatus {
        if outcome == "built" { return .done }
        return findings.map { ExitStatus($0) }.first { $0 != .nothingToDo } ?? .nothingToDo
    }

    /// Prints the text form.
    func print() {
        for note in notes { Output.result("note: \(note)") }
        if let shipped, !shipped.isEmpty { Output.result(Self.summary(shipped)) }
        if outcome == "built" {
            for patch in patches {
                for target in patch.manifest.targets { Output.result(ManifestText.target(target)) }
                for note in patch.manifest.notes { Output.result("note: \(note)") }
                Output.result("wrote \(patch.file): \(patch.size) bytes, id \(patch.id.prefix(12))")
            }
            let files = patches.map(\.file)
            Output.result("next: tsugite inspect \(files[0]), then tsugite apply \(files.joined(separator: " "))")
        } else if findings.isEmpty {
            Output.result("nothing to do: the diff changes nothing that the targets run")
            for data in manifest?.targets.flatMap(\.data) ?? [] {
                Output.result("note: \(ManifestText.data(data))")
            }
        } else {
            for finding in findings { Output.note("tsugite: \(finding.description)") }
        }
    }

    private static func summary(_ shipped: [ShippedOutcome]) -> String {
        let same = shipped.count { $0.match == "same-build-id" }
        let reached = shipped.filter(\.isReached).map(\.place)
        let unknown = shipped.filter { $0.match == "unknown" }.map(\.place)
        return "\(shipped.count) shipped ELF files, \(same) rebuilt with the same build-id; reached by the diff: "
            + (reached.isEmpty ? "none" : reached.joined(separator: ", "))
            + (unknown.isEmpty ? "" : "; not made by this build: \(unknown.joined(separator: ", "))")
    }
}
