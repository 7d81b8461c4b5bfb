// Results of stages as files that people can read: pretty-printed JSON with sorted keys, one per stage.
//
// A result carries a key made from everything that it depends on. A result with another key is as good as none,
// so nobody has to delete anything after a change of diff, target or compiler.

import Findings
import FoundationEssentials
import Linux

package struct StageStore: Sendable {
    /// The folder of the results.
    package let folder: String

    /// Takes a folder, which is made when the first result is written.
    package init(folder: String) { self.folder = folder }

    /// The file of a stage's result.
    package func path(of stage: BuildStage) -> String { "\(folder)/\(stage.rawValue).json" }

    private struct Envelope<Value: Codable>: Codable {
        var schema: String
        var stage: BuildStage
        var key: String
        var result: Value
    }

    private static let schema = "tsugite-build-stage/1"

    /// The result of a stage, if it is there with this key.
    ///
    /// An unreadable or older file counts as none: the stage is done again and overwrites it.
    package func load<Value: Codable>(_ stage: BuildStage, key: String, as type: Value.Type) -> Value? {
        guard let bytes = try? FileSystem.read(path(of: stage)),
            let envelope = try? JSONDecoder().decode(Envelope<Value>.self, from: Data(bytes)),
            envelope.schema == Self.schema, envelope.stage == stage, envelope.key == key
        else { return nil }
        return envelope.result
    }

    /// Writes the result of a stage: whole or not at all.
    package func save<Value: Codable>(_ result: Value, _ stage: BuildStage, key: String) throws(BuildError) {
        try WorkFolder.make(folder)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let bytes: [UInt8]
        do {
            bytes = Array(
                try encoder.encode(Envelope(schema: Self.schema, stage: stage, key: key, result: result)))
        } catch {
            throw BuildError(
                .workFolder, "the result of stage \(stage.rawValue) can't be written as JSON",
                evidence: ["reason": "\(error)"])
        }
        try WorkFolder.write(bytes, to: path(of: stage))
    }

    /// Forgets the results of `stage` and all behind it.
    package func forget(from stage: BuildStage) throws(BuildError) {
        for later in BuildStage.allCases where later >= stage {
            do throws(SystemError) {
                try FileSystem.remove(path(of: later))
            } catch {
                if !error.isGone { throw BuildError(error, path: path(of: later)) }
            }
        }
    }
}
