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

    @Test func `a mirror killed at any instant serves nothing unverified and fetches nothing twice`() throws {
        let tsugite = try #require(PythonTools.tsugite)
        let kills = ProcessInfo.processInfo.environment["TSUGITE_KILLS"].flatMap { Int($0) } ?? 40
        let channel = try PublishedChannel()
        channel.time = .now()
        let files = max(60, kills)
        let sources = try (0..<files).map { try channel.source(String(repeating: "content \($0) ", count: 3000)) }
        let family = try #require(Family("user/libssl3"))
        _ = try channel.repository.publish(keys: channel.ring) { draft throws(ChannelError) in
            for (number, file) in sources.enumerated() {
                try draft.add(
                    file: file, family: family, buildID: "00", name: "U\(number).tsp",
                    UpdateDescription(id: "U\(number)", effectiveVersion: "1"))
            }
        }
        let log = channel.folder + "/log"
        let server = try WebServer(folder: channel.channel, log: log)
        let mirror = channel.folder + "/mirror"
        let arguments = [
            "mirror", "sync", mirror, "--from", server.address + "/honest", "--trusted-root",
            channel.channel + "/metadata/1.root.json", "--parallel", "2",
        ]
        var killed = 0
        var runs = 0
        // Follows the machine's speed; a run that came to its end before its time doesn't count.
        var span: UInt32 = 150_000
        while killed < kills, runs < 4 * kills {
            runs += 1
            if try runAndKill(tsugite, arguments, afterMicroseconds: UInt32.random(in: 1_000...span)) {
                killed += 1
                span += span / 16
            } else {
                span = max(2_000, span - span / 8)
            }
            try verifyNames(under: mirror + "/targets")
            if FileManager.default.fileExists(atPath: mirror + "/metadata/timestamp.json") {
                #expect(try !Repository(folder: mirror).check().contains { $0.severity == .error })
            }
        }
        try PythonTools.run(tsugite, arguments)
        #expect(try !Repository(folder: mirror).check().contains { $0.severity == .error })
        let requests = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
            .filter { $0.hasSuffix(".tsp") }
        #expect(requests.count <= files + killed * 2)
        #expect(killed == kills)
    }

    /// Every file that has its final name is the one that its name says.
    private func verifyNames(under folder: String) throws {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        for name in names where name.hasSuffix(".tsp") {
            let last = String(name.split(separator: "/").last ?? "")
            let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)))
            #expect(FileHashes(of: bytes).digests[key: "sha256"] == String(last.prefix { $0 != "." }))
        }
    }
}
