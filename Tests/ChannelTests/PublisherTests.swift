import Channel
import Foundation
import TestSupport
import Testing

/// A channel in a folder, with one key per role.
final class PublishedChannel {
    let folder = NSTemporaryDirectory() + "tsugite-publisher-" + UUID().uuidString
    let root: PrivateKey
    let targets: PrivateKey
    let online: PrivateKey
    let repository: Repository
    var time = RepositorySimulator.now
    var ring: KeyRing { KeyRing([targets, online]) }
    var channel: String { folder + "/channel" }

    init(settings: PublisherSettings = PublisherSettings()) throws {
        root = try PrivateKey.generate()
        targets = try PrivateKey.generate()
        online = try PrivateKey.generate()
        func only(_ key: PrivateKey) -> RoleKeys { RoleKeys(keyIDs: [key.publicKey.id], threshold: 1) }
        repository = try Repository.create(
            folder: folder + "/channel", root: only(root), targets: only(targets), snapshot: only(targets),
            timestamp: only(online), keys: KeyRing([root, targets, online]), settings: settings, at: time)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func source(_ content: String, name: String = UUID().uuidString) throws -> String {
        try content.write(toFile: folder + "/" + name, atomically: false, encoding: .utf8)
        return folder + "/" + name
    }

    func add(_ id: String, family: String = "user/libssl3", content: String = "patch") throws {
        let file = try source(content)
        let family = try #require(Family(family))
        let description = UpdateDescription(id: id, effectiveVersion: "3.0.1")
        let result = try repository.publish(keys: ring, at: time) { draft throws(ChannelError) in
            try draft.add(file: file, family: family, buildID: "abcd", name: "\(id).tsp", description)
        }
        #expect(result != nil)
    }

    /// A fresh or returning client of this channel.
    func client(_ name: String = "client") throws -> Updater {
        let store = MetadataStore(folder: "\(folder)/\(name)")
        if try store.load("root", limit: .max) == nil {
            let first = Array(try Data(contentsOf: URL(fileURLWithPath: channel + "/metadata/1.root.json")))
            try Updater.initialise(store, root: first, at: time)
        }
        return try Updater(
            store: store, metadataAddress: "file://" + channel + "/metadata",
            targetsAddress: "file://" + channel + "/targets", fetcher: FileFetcher(), at: time)
    }
}

@Suite struct PublisherTests {
    let channel: PublishedChannel

    init() throws { channel = try PublishedChannel() }

    @Test func `a new channel is empty and whole`() throws {
        #expect(try channel.client().allTargets().isEmpty)
        #expect(try channel.repository.check(at: channel.time).isEmpty)
    }

    @Test func `refuses to make a channel over a channel`() throws {
        let keys = RoleKeys(keyIDs: [channel.root.publicKey.id], threshold: 1)
        #expect(throws: ChannelError.self) {
            try Repository.create(
                folder: channel.channel, root: keys, targets: keys, snapshot: keys, timestamp: keys,
                keys: KeyRing([channel.root]), at: channel.time)
        }
    }

    @Test func `what is added arrives with what is said about it`() throws {
        var description = UpdateDescription(id: "U1", effectiveVersion: "3.0.11-1~deb12u3")
        description.advisories = ["CVE-2026-0001", "DSA-1"]
        description.severity = .high
        description.supersedes = ["U0"]
        description.undo = .conditional
        description.provenance = "sha256:00"
        description.summary = "heap overflow"
        let file = try channel.source("content")
        let family = try #require(Family("user/libssl3"))
        let said = description
        let done = try channel.repository.publish(keys: channel.ring, at: channel.time) {
            draft throws(ChannelError) in
            try draft.add(file: file, family: family, buildID: "0123", name: "U1.tsp", said)
        }
        #expect(done?.roles == ["targets", "user.libssl3"])
        let client = try channel.client()
        let target = try #require(try client.target("user/libssl3/0123/U1.tsp"))
        description.published = channel.time
        #expect(UpdateDescription(custom: target.custom) == description)
        let path = try client.download(target, into: channel.folder + "/downloads")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "content")
        #expect(try channel.repository.check(at: channel.time).isEmpty)
    }

    @Test func `publishing the same again changes nothing`() throws {
        try channel.add("U1")
        let file = try channel.source("patch")
        let family = try #require(Family("user/libssl3"))
        let description = UpdateDescription(id: "U1", effectiveVersion: "3.0.1")
        let again = try channel.repository.publish(keys: channel.ring, at: channel.time) {
            draft throws(ChannelError) in
            try draft.add(file: file, family: family, buildID: "abcd", name: "U1.tsp", description)
        }
        #expect(again == nil)
    }

    @Test func `a withdrawn update is gone, and its role says why`() throws {
        try channel.add("U1")
        try channel.add("U2", content: "other")
        _ = try channel.client().allTargets()
        _ = try channel.repository.publish(keys: channel.ring, at: channel.time) { draft throws(ChannelError) in
            try draft.withdraw("U1", reason: "crashes")
        }
        let client = try channel.client()
        #expect(try client.allTargets().map(\.path) == ["user/libssl3/abcd/U2.tsp"])
        let role = try #require(client.trusted.targets[key: "user.libssl3"])
        #expect(role.withdrawals == [Withdrawal(id: "U1", reason: "crashes", time: channel.time)])
        #expect(throws: ChannelError.self) {
            try channel.repository.publish(keys: channel.ring, at: channel.time) { draft throws(ChannelError) in
                try draft.withdraw("U9", reason: "")
            }
        }
        let defects = try channel.repository.check(at: channel.time)
        #expect(defects.map(\.severity) == [.note])
    }

    @Test func `without the right key nothing is written`() throws {
        let file = try channel.source("x")
        let family = try #require(Family("user/libssl3"))
        let before = try FileManager.default.contentsOfDirectory(atPath: channel.channel + "/metadata")
        for ring in [KeyRing([channel.online]), KeyRing([channel.targets]), KeyRing()] {
            let failure = #expect(throws: ChannelError.self) {
                try channel.repository.publish(keys: ring, at: channel.time) { draft throws(ChannelError) in
                    try draft.add(
                        file: file, family: family, buildID: "1", name: "x",
                        UpdateDescription(id: "U", effectiveVersion: "1"))
                }
            }
            #expect(failure?.kind == .key)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: channel.channel + "/metadata") == before)
    }

    @Test func `the online key alone renews timestamp`() throws {
        let first = try channel.client()
        try first.refresh()
        channel.time = channel.time.adding(seconds: 6 * 86_400)
        let done = try channel.repository.renewTimestamp(keys: KeyRing([channel.online]), at: channel.time)
        #expect(done.timestampVersion == 2)
        channel.time = channel.time.adding(seconds: 6 * 86_400)
        try channel.client().refresh()
    }

    @Test func `what is near its expiry is signed again without any change`() throws {
        try channel.add("U1")
        channel.time = channel.time.adding(seconds: 100 * 86_400)
        #expect(try channel.repository.check(at: channel.time).contains { $0.severity == .error })
        let done = try channel.repository.publish(keys: channel.ring, at: channel.time)
        #expect(done?.roles == ["targets", "user.libssl3"])
        #expect(try channel.repository.check(at: channel.time).isEmpty)
        #expect(try channel.repository.publish(keys: channel.ring, at: channel.time) == nil)
    }

    @Test func `a root change reaches clients old and new`() throws {
        try channel.add("U1")
        _ = try channel.client("old").allTargets()
        let newRoot = try PrivateKey.generate()
        let newOnline = try PrivateKey.generate()
        let newTargets = try PrivateKey.generate()
        let unsigned = try channel.repository.draftRoot(at: channel.time) { root throws(ChannelError) in
            for key in [newRoot, newOnline, newTargets] { root.keys[key: key.publicKey.id] = key.publicKey }
            root.roles[key: "root"] = RoleKeys(keyIDs: [newRoot.publicKey.id], threshold: 1)
            root.roles[key: "timestamp"] = RoleKeys(keyIDs: [newOnline.publicKey.id], threshold: 1)
            root.roles[key: "targets"] = RoleKeys(keyIDs: [newTargets.publicKey.id], threshold: 1)
            root.roles[key: "snapshot"] = RoleKeys(keyIDs: [newTargets.publicKey.id], threshold: 1)
        }
        #expect(throws: ChannelError.self) {
            try channel.repository.adoptRoot(unsigned, keys: channel.ring, at: channel.time)
        }
        let half = try Repository.sign(unsigned, with: [channel.root])
        #expect(throws: ChannelError.self) {
            try channel.repository.adoptRoot(half, keys: channel.ring, at: channel.time)
        }
        let signed = try Repository.sign(half, with: [newRoot])
        let ring = KeyRing([newTargets, newOnline, channel.online, channel.targets])
        _ = try channel.repository.adoptRoot(signed, keys: ring, at: channel.time)
        #expect(try channel.client("old").allTargets().count == 1)
        #expect(try channel.client("new").allTargets().count == 1)
        #expect(try channel.repository.check(at: channel.time).isEmpty)
        let after = try channel.repository.publish(
            keys: KeyRing([newTargets, newOnline, channel.targets]), at: channel.time
        ) { draft throws(ChannelError) in try draft.withdraw("U1", reason: "test") }
        #expect(after != nil)
        #expect(try channel.client("old").allTargets().isEmpty)
    }

    @Test func `a family's keys can be replaced`() throws {
        try channel.add("U1")
        let other = try PrivateKey.generate()
        let ring = KeyRing([channel.targets, channel.online, other])
        _ = try channel.repository.replaceKeys(
            of: "user.libssl3", with: RoleKeys(keyIDs: [other.publicKey.id], threshold: 1),
            known: [other.publicKey], signing: ring, at: channel.time)
        #expect(try channel.client().allTargets().count == 1)
        let file = try channel.source("y")
        let family = try #require(Family("user/libssl3"))
        #expect(throws: ChannelError.self) {
            try channel.repository.publish(keys: channel.ring, at: channel.time) { draft throws(ChannelError) in
                try draft.add(
                    file: file, family: family, buildID: "1", name: "y",
                    UpdateDescription(id: "U2", effectiveVersion: "1"))
            }
        }
    }

    @Test func `a role file put on the server by somebody else is never signed on`() throws {
        try channel.add("U1")
        let path = channel.channel + "/metadata/1.user.libssl3.json"
        let text = try String(contentsOfFile: path, encoding: .utf8).replacing("abcd", with: "evil")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: ChannelError.self) { try channel.add("U2") }
        #expect(try channel.repository.check(at: channel.time).contains { $0.severity == .error })
    }

    @Test func `check names a damaged, a missing and a forgotten file`() throws {
        try channel.add("U1", content: "one")
        try channel.add("U2", content: "two")
        let folder = channel.channel + "/targets/user/libssl3/abcd/"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        try FileManager.default.removeItem(atPath: folder + names[0])
        try "TWO".write(toFile: folder + names[1], atomically: false, encoding: .utf8)
        try "?".write(toFile: folder + "stray", atomically: false, encoding: .utf8)
        let defects = try channel.repository.check(at: channel.time)
        #expect(defects.map(\.severity).sorted { $0.rawValue < $1.rawValue } == [.error, .error, .note])
    }

    @Test func `check of one bad role doesn't hide another`() throws {
        try channel.add("U1", family: "user/a")
        try channel.add("U2", family: "user/b")
        for role in ["a", "b"] {
            try "{}".write(
                toFile: channel.channel + "/metadata/1.user.\(role).json", atomically: true, encoding: .utf8)
        }
        let defects = try channel.repository.check(at: channel.time).filter { $0.severity == .error }
        #expect(Set(defects.map(\.error.subject)) == ["user.a", "user.b"])
    }

    @Test func `concurrent publishers lose nothing`() async throws {
        let count = 12
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<count {
                let file = try channel.source("content \(number)")
                let (repository, ring, time) = (channel.repository, channel.ring, channel.time)
                group.addTask {
                    let family = try #require(Family("user/p\(number % 3)"))
                    _ = try repository.publish(keys: ring, at: time) { draft throws(ChannelError) in
                        try draft.add(
                            file: file, family: family, buildID: "b", name: "U\(number).tsp",
                            UpdateDescription(id: "U\(number)", effectiveVersion: "1"))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try channel.client().allTargets().count == count)
        #expect(try channel.repository.check(at: channel.time).isEmpty)
    }

    @Test func `leftovers of a publication that died are replaced, and were never seen`() throws {
        try channel.add("U1")
        for name in [
            "2.snapshot.json", "3.snapshot.json", "2.targets.json", "3.targets.json", "2.user.libssl3.json",
        ] {
            let path = channel.channel + "/metadata/" + name
            guard !FileManager.default.fileExists(atPath: path) else { continue }
            try "{\"half".write(toFile: path, atomically: false, encoding: .utf8)
        }
        #expect(try channel.client().allTargets().count == 1)
        try channel.add("U2")
        #expect(try channel.client().allTargets().count == 2)
    }

    @Test(arguments: ["../x", "a//b", "/a", "a/", "a/../b", ".hidden", "a/.b", "a\\b", "a\nb", ""])
    func `paths that servers can't serve are refused`(path: String) throws {
        let file = try channel.source("x")
        #expect(throws: ChannelError.self) {
            try channel.repository.publish(keys: channel.ring, at: channel.time) { draft throws(ChannelError) in
                try draft.add(file: file, path: path, role: "targets", custom: nil)
            }
        }
    }

    @Test(arguments: ["user/a/b", "user/", "other/a", "user/../x", "user/.a", "user/a b", "user", "user/é"])
    func `families have plain names`(text: String) { #expect(Family(text) == nil) }
}

@Suite struct KeyFileTests {
    @Test(arguments: PrivateKey.Kind.allCases)
    func `a key file is private, reads back, and signs alike`(kind: PrivateKey.Kind) throws {
        let folder = NSTemporaryDirectory() + "tsugite-keys-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let key = try PrivateKey.generate(kind)
        try key.write(to: folder + "/one.pem")
        let mode = try FileManager.default.attributesOfItem(atPath: folder + "/one.pem")[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let ring = try KeyRing(folders: [folder])
        #expect(ring.publicKeys == [key.publicKey])
        #expect(throws: ChannelError.self) { try key.write(to: folder + "/one.pem") }
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder + "/one.pem")
        #expect(throws: ChannelError.self) { try KeyRing(folders: [folder]) }
    }
}
