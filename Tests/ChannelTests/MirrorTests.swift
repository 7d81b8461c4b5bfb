import Channel
import Findings
import Foundation
import Synchronization
import TestSupport
import Testing

/// Files of a folder that may be told to misbehave; counts what is asked for.
final class FaultyFetcher: Fetcher, Sendable {
    private let real = FileFetcher()
    private let state = Mutex<(failing: Set<String>, requests: [String])>(([], []))

    var requests: [String] { state.withLock { $0.requests } }
    func forget() { state.withLock { $0.requests = [] } }
    /// Addresses that contain one of these texts fail.
    func fail(_ parts: String...) { state.withLock { $0.failing = Set(parts) } }

    func fetch(
        _ address: String, limits: TransferLimits, _ receive: ([UInt8]) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        let fails = state.withLock { state in
            state.requests.append(String(address.split(separator: "/").last ?? ""))
            return state.failing.contains { address.contains($0) }
        }
        if fails { throw ChannelError(.network, address, "told to fail") }
        try real.fetch(address, limits: limits, receive)
    }
}

@Suite struct MirrorTests {
    let channel: PublishedChannel
    let mirror: Mirror
    let fetcher = FaultyFetcher()

    init() throws {
        channel = try PublishedChannel()
        mirror = Mirror(folder: channel.folder + "/mirror")
        let first = Array(try Data(contentsOf: URL(fileURLWithPath: channel.channel + "/metadata/1.root.json")))
        try Updater.initialise(mirror.store, root: first, at: channel.time)
        try channel.add("U1")
        try channel.add("U2", family: "kernel/6.1.0", content: "other")
        try channel.add("U3", content: "patch")
    }

    @Test(arguments: ["", "\u{1}\u{2}", "{\"signed\":{}}", "[1]"])
    func `a trusted root that is none is named, and nothing is made of it`(text: String) throws {
        let file = channel.folder + "/garbage.json"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        let store = MetadataStore(folder: channel.folder + "/none")
        let error = try #require(throws: ChannelError.self) { try Updater.initialise(store, rootFile: file) }
        #expect(error.kind == .malformed)
        #expect(error.finding.message.hasPrefix("\(file): not the root metadata of a channel"))
        #expect(error.finding.remedy.contains("metadata/1.root.json"))
        #expect(!FileManager.default.fileExists(atPath: channel.folder + "/none"))
    }

    @discardableResult
    func sync(_ options: Mirror.Options = Mirror.Options()) throws -> MirrorStatus {
        try mirror.synchronise(
            from: "file://" + channel.channel, fetcher: fetcher, options: options, at: channel.time)
    }

    /// A fresh client of a folder that is served.
    func client(of folder: String) throws -> Updater {
        let store = MetadataStore(folder: channel.folder + "/" + UUID().uuidString)
        try Updater.initialise(store, rootFile: folder + "/metadata/1.root.json", at: channel.time)
        return try Updater(
            store: store, metadataAddress: "file://" + folder + "/metadata",
            targetsAddress: "file://" + folder + "/targets", fetcher: FileFetcher(), at: channel.time)
    }

    func downloadAll(of folder: String) throws -> Int {
        let client = try client(of: folder)
        let targets = try client.allTargets()
        for target in targets { _ = try client.download(target, into: channel.folder + "/" + UUID().uuidString) }
        return targets.count
    }

    var mirrorFolder: String { channel.folder + "/mirror" }

    @Test func `serves all that the channel serves, and fetches each content once`() throws {
        let status = try sync()
        #expect(status.state == .synced)
        #expect(status.files == 3)
        #expect(try downloadAll(of: mirrorFolder) == 3)
        #expect(try Repository(folder: mirrorFolder).check(at: channel.time).isEmpty)
        // U1 and U3 have the same content.
        #expect(fetcher.requests.count { $0.hasSuffix(".tsp") } == 2)
    }

    @Test func `a second run fetches nothing but root and timestamp`() throws {
        try sync()
        fetcher.forget()
        try sync()
        #expect(fetcher.requests == ["2.root.json", "timestamp.json"])
    }

    @Test func `a mirror of a mirror serves the same`() throws {
        try sync()
        let second = Mirror(folder: channel.folder + "/second")
        try Updater.initialise(second.store, rootFile: mirrorFolder + "/metadata/1.root.json", at: channel.time)
        let status = try second.synchronise(from: "file://" + mirrorFolder, fetcher: fetcher, at: channel.time)
        #expect(status.state == .synced)
        #expect(try downloadAll(of: channel.folder + "/second") == 3)
    }

    @Test func `one bad file doesn't stop the rest, and is named`() throws {
        fetcher.fail("U2.tsp")
        let status = try sync()
        #expect(status.state == .failed)
        #expect(status.errors.keys == ["kernel/6.1.0/abcd/U2.tsp"])
        #expect(try mirror.status() == status)
        let client = try client(of: mirrorFolder)
        #expect(try client.allTargets().count == 3)
        fetcher.fail()
        #expect(try sync().state == .synced)
        #expect(try downloadAll(of: mirrorFolder) == 3)
    }

    @Test func `without valid metadata the old state stays and the error is kept`() throws {
        try sync()
        try channel.add("U4")
        fetcher.fail("snapshot.json")
        #expect(throws: ChannelError.self) { try sync() }
        #expect(try mirror.status().state == .failed)
        #expect(try downloadAll(of: mirrorFolder) == 3)
    }

    @Test func `tells before it starts, and can be told not to`() throws {
        var told: MirrorForecast?
        _ = try mirror.synchronise(from: "file://" + channel.channel, fetcher: fetcher, at: channel.time) {
            told = $0
            return false
        }
        #expect(told?.missingFiles == 2)
        #expect(told?.bytesToFetch == "other".utf8.count + "patch".utf8.count)
        #expect(told?.fits == true)
        #expect(!fetcher.requests.contains { $0.hasSuffix(".tsp") })
    }

    @Test func `forecasts from what it measured`() {
        var plan = MirrorForecast(
            missingFiles: 1, bytesToFetch: 1000, bytesFree: 11_000, bytesTotal: 1, growthPerDay: 100)
        #expect(plan.daysUntilFull == 100)
        #expect(!plan.fits)
        plan.growthPerDay = -5
        #expect(plan.daysUntilFull == nil)
        plan.bytesFree = .max
        #expect(plan.fits)
    }

    @Test func `the growth of an hour is no forecast, that of two days is`() {
        var status = MirrorStatus()
        let start = UTCTime(seconds: 1_767_225_600)
        status.history = [(start, 1000), (start.adding(seconds: 3600), 9_000_000)]
        #expect(status.growthPerDay == nil)
        status.history.append((start.adding(seconds: 2 * 86_400), 2001))
        #expect(status.growthPerDay == 501 || status.growthPerDay == 500)
    }

    @Test func `only some families`() throws {
        var options = Mirror.Options()
        options.prefixes = ["kernel/6.1.0/"]
        #expect(try sync(options).files == 1)
        let client = try client(of: mirrorFolder)
        let target = try #require(try client.target("kernel/6.1.0/abcd/U2.tsp"))
        _ = try client.download(target, into: channel.folder + "/got")
    }

    @Test func `prunes what nothing refers to, and stays whole`() throws {
        try sync()
        _ = try channel.repository.publish(keys: channel.ring, at: channel.time) { draft throws(ChannelError) in
            try draft.withdraw("U2", reason: "x")
        }
        try sync()
        let removed = try mirror.prune()
        #expect(removed.contains { $0.hasSuffix("U2.tsp") })
        #expect(try Repository(folder: mirrorFolder).check(at: channel.time).isEmpty)
        #expect(try downloadAll(of: mirrorFolder) == 2)
    }

    @Test func `carries roots from the first although it began later`() throws {
        let draft = try channel.repository.draftRoot(at: channel.time) { _ throws(ChannelError) in }
        let signed = try Repository.sign(draft, with: [channel.root])
        _ = try channel.repository.adoptRoot(signed, keys: channel.ring, at: channel.time)
        let late = Mirror(folder: channel.folder + "/late")
        try Updater.initialise(late.store, rootFile: channel.channel + "/metadata/2.root.json", at: channel.time)
        _ = try late.synchronise(from: "file://" + channel.channel, fetcher: fetcher, at: channel.time)
        #expect(try downloadAll(of: channel.folder + "/late") == 3)
    }
}

@Suite struct BundleTests {
    let channel: PublishedChannel
    var bundle: String { channel.folder + "/bundle.tar" }

    init() throws {
        channel = try PublishedChannel()
        try channel.add("U1")
        try channel.add("U2", family: "kernel/6.1.0", content: String(repeating: "long ", count: 40_000))
        try channel.add("U3", content: "patch")
    }

    func export(_ families: [String] = [], days: Int64 = 180) throws -> Int {
        var request = Repository.BundleRequest()
        request.families = families.compactMap { Family($0) }
        request.validSeconds = days * 86_400
        return try channel.repository.export(request, to: bundle, keys: KeyRing([channel.online]), at: channel.time)
    }

    func store() throws -> MetadataStore {
        let store = MetadataStore(folder: channel.folder + "/gap")
        if try store.load("root", limit: .max) == nil {
            try Updater.initialise(store, rootFile: channel.channel + "/metadata/1.root.json", at: channel.time)
        }
        return store
    }

    func take() throws -> [String] {
        let taken = try BundleImport(try BundleFetcher(bundle), store: try store(), at: channel.time)
        return try taken.extract(into: channel.folder + "/gap-targets").map {
            String($0.split(separator: "/").last ?? "")
        }
    }

    @Test func `carries everything to a machine without a network`() throws {
        #expect(try export() == 2)
        #expect(try take().count == 3)
    }

    @Test func `is a tar archive that ordinary tools list`() throws {
        _ = try export()
        let list = try PythonTools.run("/usr/bin/env", ["tar", "tf", bundle])
        #expect(list.hasPrefix("seal.json\nmetadata/1.root.json\n"))
    }

    @Test func `may be for some families only`() throws {
        #expect(try export(["user/libssl3"]) == 1)
        #expect(try take().count == 2)
    }

    @Test func `for a family without updates says nothing yet, which is no error`() throws {
        #expect(try export(["user/nothing"]) == 0)
        #expect(try take().isEmpty)
    }

    @Test func `lives longer than the timestamp, and not longer than it says`() throws {
        _ = try export(days: 180)
        channel.time = channel.time.adding(seconds: 179 * 86_400)
        #expect(try take().count == 3)
        channel.time = channel.time.adding(seconds: 86_400)
        #expect(throws: ChannelError.self) { try take() }
    }

    @Test func `an older bundle than what was seen is refused`() throws {
        _ = try export()
        let old = channel.folder + "/old.tar"
        try FileManager.default.moveItem(atPath: bundle, toPath: old)
        try channel.add("U4")
        _ = try export()
        #expect(try take().count == 4)
        let failure = #expect(throws: ChannelError.self) {
            try BundleImport(try BundleFetcher(old), store: try store(), at: channel.time)
        }
        #expect(failure?.kind == .rollback)
    }

    @Test func `a network that is older than the bundle is refused afterwards`() throws {
        let old = channel.folder + "/old-channel"
        try FileManager.default.copyItem(atPath: channel.channel, toPath: old)
        try channel.add("U4")
        _ = try export()
        _ = try take()
        let updater = try Updater(
            store: try store(), metadataAddress: old + "/metadata", fetcher: FileFetcher(), at: channel.time)
        #expect(throws: ChannelError.self) { try updater.refresh() }
    }

    @Test func `a seal is never taken for a timestamp`() throws {
        _ = try export()
        let folder = channel.folder + "/opened"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try PythonTools.run("/usr/bin/env", ["tar", "xf", bundle, "-C", folder])
        let path = channel.channel + "/metadata/timestamp.json"
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(atPath: folder + "/seal.json", toPath: path)
        let failure = #expect(throws: ChannelError.self) { try channel.client().refresh() }
        #expect(failure?.kind == .malformed)
    }

    @Test func `without the timestamp's keys nothing is sealed`() throws {
        let failure = #expect(throws: ChannelError.self) {
            try channel.repository.export(
                Repository.BundleRequest(), to: bundle, keys: KeyRing([channel.targets]), at: channel.time)
        }
        #expect(failure?.kind == .key)
    }

    @Test func `no damage anywhere is accepted, and none traps`() throws {
        _ = try export()
        let good = Array(try Data(contentsOf: URL(fileURLWithPath: bundle)))
        // Every header and the start of every file, and truncation at each block.
        for offset in stride(from: 0, to: good.count, by: 509) {
            var bad = good
            bad[offset] ^= 0x15
            try Data(bad).write(to: URL(fileURLWithPath: bundle))
            try? FileManager.default.removeItem(atPath: channel.folder + "/gap")
            try? FileManager.default.removeItem(atPath: channel.folder + "/gap-targets")
            // Padding and dates aren't protected; what is taken must be whole all the same.
            if let names = try? take() { #expect(names.count == 3) }
        }
        for length in stride(from: 0, to: good.count - 1024, by: 5 * 512) {
            try Data(good[..<length]).write(to: URL(fileURLWithPath: bundle))
            try? FileManager.default.removeItem(atPath: channel.folder + "/gap")
            #expect(throws: ChannelError.self) { try take() }
        }
    }
}
