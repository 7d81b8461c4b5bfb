import ELF
import FoundationEssentials
import Linux
import LivePatch

// Where a patch comes from, inside the patch: an in-toto statement (v1) with the SLSA provenance predicate (v1).
//
// Its subject is the patch file as it would be without this statement: a file can't hold its own digest. Whoever wants
// to check takes the section out, writes the file again (writing is deterministic) and compares. Nothing in here
// depends on where or when the patch was built, so a second build elsewhere gives the same bytes.
// https://in-toto.io/Statement/v1, https://slsa.dev/spec/v1.0/provenance

/// The source package that a tree was unpacked from.
package struct PackageOrigin: Sendable, Equatable {
    /// Name of the source package.
    package var name: String
    /// Its version.
    package var version: String
    /// SHA-256 of each of its files.
    package var files: [String: String]
    /// Patches of its series that were left out.
    package var without: [String]

    /// Makes an origin.
    package init(name: String, version: String, files: [String: String], without: [String]) {
        self.name = name
        self.version = version
        self.files = files
        self.without = without
    }
}

/// The statement, as JSON has it.
struct ProvenanceStatement: Codable, Equatable {
    struct Resource: Codable, Equatable {
        var name: String
        var digest: [String: String]
    }

    struct Parameters: Codable, Equatable {
        var patches: [Resource]
        var package: String?
        var version: String?
        var withoutPatches: [String]?
        var buildCommand: String
        var targets: [Resource]
    }

    struct Definition: Codable, Equatable {
        var buildType: String
        var externalParameters: Parameters
        var resolvedDependencies: [Resource]
    }

    struct Builder: Codable, Equatable {
        var id: String
        var version: [String: String]
    }

    struct Run: Codable, Equatable {
        var builder: Builder
    }

    struct Predicate: Codable, Equatable {
        var buildDefinition: Definition
        var runDetails: Run
    }

    var type = "https://in-toto.io/Statement/v1"
    var subject: [Resource]
    var predicateType = "https://slsa.dev/provenance/v1"
    var predicate: Predicate

    private enum CodingKeys: String, CodingKey {
        case type = "_type"
        case subject, predicateType, predicate
    }
}

extension BackStages {
    /// The patch with its provenance.
    func withProvenance(_ patch: LivePatch) -> LivePatch {
        var whole = patch
        whole.provenance = []
        guard let bytes = try? whole.encoded() else { return patch }
        let subject = ProvenanceStatement.Resource(
            name: patch.name + ".tsp", digest: ["sha256": Digest(of: bytes).description])
        let statement = ProvenanceStatement(
            subject: [subject],
            predicate: .init(
                buildDefinition: .init(
                    buildType: "https://tsugite.dev/build/v1", externalParameters: parameters(patch),
                    resolvedDependencies: sources + tools),
                runDetails: .init(
                    builder: .init(id: "https://tsugite.dev/builder", version: ["tsugite": BuilderVersion.text]))))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Strings only: encoding them can't fail.
        whole.provenance = (try? encoder.encode(statement)).map { Array($0) + [0x0a] } ?? []
        return whole
    }

    private func parameters(_ patch: LivePatch) -> ProvenanceStatement.Parameters {
        .init(
            patches: zip(request.patches, changes).map {
                .init(name: BuildPath.name($0), digest: ["sha256": $1.description])
            },
            package: origin?.name, version: origin?.version, withoutPatches: origin?.without,
            buildCommand: Self.withoutJobs(build.buildCommand),
            targets: patch.targets.map { .init(name: $0.name, digest: ["gnu-build-id": $0.buildID.description]) })
    }

    /// The command without how many jobs ran side by side, which is the machine's affair.
    static func withoutJobs(_ command: String) -> String {
        command.split(separator: " ", omittingEmptySubsequences: false).filter { word in
            for prefix in ["-j", "parallel="] where word.hasPrefix(prefix) {
                if word.dropFirst(prefix.count).allSatisfy({ $0.isNumber || $0 == "'" }) { return false }
            }
            return true
        }.joined(separator: " ")
    }

    /// The files of the source package, or the tree.
    private var sources: [ProvenanceStatement.Resource] {
        guard let origin else { return [.init(name: "source tree", digest: ["sha256": build.sourceDigest])] }
        return origin.files.sorted { $0.key < $1.key }.map { .init(name: $0.key, digest: ["sha256": $0.value]) }
    }

    private var tools: [ProvenanceStatement.Resource] {
        build.tools.map { .init(name: BuildPath.name($0.path), digest: ["sha256": $0.digest]) }
    }
}
