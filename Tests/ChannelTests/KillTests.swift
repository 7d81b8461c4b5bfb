import Channel
import Foundation
import TestSupport
import Testing

/// Publishers that are killed at random instants: the channel stays whole, and nothing that was added is lost.
@Suite(.serialized, .enabled(if: PythonTools.tsugite != nil, "needs the tsugite command, built beside the tests"))
struct KillTests {
    @Test func `a publisher killed at any instant leaves a whole channel and loses nothing`() throws {
        let tsugite = try #require(PythonTools.tsugite)
        let kills = ProcessInfo.processInfo.environment["TSUGITE_KILLS"].flatMap { Int($0) } ?? 40
        let folder = NSTemporaryDirectory() + "tsugite-kill-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try PythonTools.run(tsugite, ["channel", "init", folder + "/channel", "--new-keys", folder + "/keys"])
        let repository = Repository(folder: folder + "/channel")
        let store = MetadataStore(folder: folder + "/client")
        try Updater.initialise(store, rootFile: folder + "/channel/metadata/1.root.json")
        var seen = 0
        var killed = 0
        for number in 0..<kills {
            let file = folder + "/update"
            try "content \(number)".write(toFile: file, atomically: false, encoding: .utf8)
            let family = try #require(Family("user/p\(number % 4)"))
            let staged = StagedUpdate(
                UpdateDescription(id: "U\(number)", effectiveVersion: "1"), family: family, buildIDs: ["00", "01"],
                name: "U\(number).bin")
            try repository.stage(staged, file: file)
            let arguments = [
                "channel", "publish", folder + "/channel", "--keys", folder + "/keys/publisher",
                folder + "/keys/online",
            ]
            if try runAndKill(tsugite, arguments, afterMicroseconds: UInt32.random(in: 0..<120_000)) { killed += 1 }
            // Whatever happened, a client finds a whole channel, and never less than before.
            let updater = try Updater(
                store: store, metadataAddress: folder + "/channel/metadata",
                targetsAddress: folder + "/channel/targets", fetcher: FileFetcher())
            let targets = try updater.allTargets()
            #expect(targets.count >= seen)
            #expect(targets.count % 2 == 0)
            seen = targets.count
            #expect(try repository.check().allSatisfy { $0.severity == .note })
        }
        _ = try repository.publishStaged(
            keys: try KeyRing(folders: [folder + "/keys/publisher", folder + "/keys/online"]))
        let last = try Updater(store: store, metadataAddress: folder + "/channel/metadata", fetcher: FileFetcher())
        #expect(try last.allTargets().count == kills * 2)
        #expect(killed > 0)
    }

    /// Whether the process was still alive when it was killed.
    private func runAndKill(_ program: String, _ arguments: [String], afterMicroseconds delay: UInt32) throws
        -> Bool
    {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        usleep(delay)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        return process.terminationReason == .uncaughtSignal
    }
}
