import Channel
import TestSupport
import Testing

/// Every attack that TUF defends against, by its name in section 1.5.2 of the specification.
@Suite struct AttackTests {
    let repository: RepositorySimulator
    let client: SimulatedClient

    init() throws {
        repository = try RepositorySimulator()
        client = try SimulatedClient(repository)
    }

    // MARK: Arbitrary software

    @Test(arguments: ["timestamp", "snapshot", "targets"])
    func `arbitrary software: a role signed by a stranger's key is refused`(role: String) throws {
        repository.signers[role] = [try PrivateKey.generate()]
        let failure = client.failure()
        #expect(failure?.kind == .signatures)
        #expect(failure?.subject == role)
        #expect(try client.version(role) == 0)
    }

    @Test func `arbitrary software: a root not signed by the one before is refused`() throws {
        try repository.rotateKeys(of: "root")
        try repository.publishRoot()
        #expect(client.failure()?.clause == "5.3.4")
        #expect(try client.version("root") == 1)
    }

    @Test func `arbitrary software: a root not signed by its own keys is refused`() throws {
        let old = repository.signers["root"] ?? []
        try repository.rotateKeys(of: "root")
        repository.signers["root"] = []
        try repository.publishRoot(alsoSignedBy: old)
        #expect(client.failure()?.clause == "5.3.4")
    }

    @Test func `arbitrary software: a changed signed part breaks the signature`() throws {
        let text = String(decoding: try repository.content("timestamp.json"), as: UTF8.self)
        repository.overrides["timestamp.json"] = .bytes(
            Array(text.replacing("\"version\":1}},", with: "\"version\":9}},").utf8))
        #expect(client.failure()?.kind == .signatures)
    }

    // MARK: Rollback

    @Test func `rollback of timestamp is refused`() throws {
        try repository.updateTimestamp()
        try client.refresh()
        repository.timestamp.header.version = 1
        #expect(client.failure()?.clause == "5.4.3.1")
        #expect(try client.version("timestamp") == 2)
    }

    @Test func `rollback of snapshot through timestamp is refused`() throws {
        try repository.updateSnapshot()
        try client.refresh()
        repository.snapshot.header.version = 1
        try repository.updateTimestamp()
        #expect(client.failure()?.clause == "5.4.3.2")
        #expect(try client.version("snapshot") == 2)
    }

    @Test(arguments: [false, true])
    func `rollback of targets through snapshot is refused`(withHashes: Bool) throws {
        repository.listsHashes = withHashes
        try repository.add("file", [1])
        try repository.add("file", [2])
        try client.refresh()
        repository.targets[key: "targets"]?.header.version = 1
        try repository.updateSnapshot()
        #expect(client.failure()?.clause == "5.5.5")
        #expect(try client.version("targets") == 3)
    }

    @Test func `rollback by leaving a role out of snapshot is refused`() throws {
        try repository.delegate(to: "role")
        try client.refresh()
        repository.targets[key: "role"] = nil
        repository.snapshot.meta[key: "role.json"] = nil
        try repository.updateSnapshot()
        #expect(client.failure()?.clause == "5.5.5")
    }

    @Test func `rollback of root is refused`() throws {
        try repository.publishRoot()
        try client.refresh()
        repository.overrides["3.root.json"] = .bytes(repository.publishedRoots[0])
        #expect(client.failure()?.clause == "5.3.5")
        #expect(try client.version("root") == 2)
    }

    @Test func `rollback protection works although the stored metadata has expired`() throws {
        repository.timestamp.header.expires = RepositorySimulator.now.adding(seconds: 60)
        try repository.updateTimestamp()
        try client.refresh()
        client.time = RepositorySimulator.now.adding(seconds: 3600)
        repository.timestamp.header.expires = RepositorySimulator.now.adding(seconds: 86_400)
        repository.timestamp.header.version = 1
        #expect(client.failure()?.clause == "5.4.3.1")
    }

    @Test func `other content under the same timestamp version doesn't replace the stored one`() throws {
        try client.refresh()
        repository.timestamp.snapshot.version = 100
        try client.refresh()
        #expect(try client.updater().trusted.root.header.version == 1)
        let stored = try client.store.load("timestamp", limit: .max) ?? []
        #expect(try JSON.parse(stored, subject: "")["signed"]?["meta"]?["snapshot.json"]?["version"] == 1)
    }

    // MARK: Freeze

    @Test(arguments: ["timestamp", "snapshot", "targets"])
    func `indefinite freeze: an expired role is refused`(role: String) throws {
        let past = RepositorySimulator.now
        switch role {
        case "timestamp": repository.timestamp.header.expires = past
        case "snapshot": repository.snapshot.header.expires = past
        default: repository.targets[key: "targets"]?.header.expires = past
        }
        let failure = client.failure()
        #expect(failure?.kind == .expired)
        #expect(failure?.subject == role)
        #expect(try client.version(role) == 0)
    }

    @Test func `indefinite freeze: an expired last root is refused`() throws {
        repository.root.header.expires = RepositorySimulator.now
        try repository.publishRoot()
        #expect(client.failure()?.clause == "5.3.10")
        // It was verified, so it is kept: the next run starts from it.
        #expect(try client.version("root") == 2)
    }

    @Test func `an expired root in between doesn't matter`() throws {
        let expires = repository.root.header.expires
        repository.root.header.expires = RepositorySimulator.now
        try repository.publishRoot()
        repository.root.header.expires = expires
        try repository.publishRoot()
        try client.refresh()
        #expect(try client.version("root") == 3)
    }

    @Test func `indefinite freeze: the same timestamp served past its expiry is refused`() throws {
        try client.refresh()
        client.time = repository.timestamp.header.expires
        repository.root.header.expires = client.time.adding(seconds: 86_400)
        try repository.publishRoot()
        #expect(client.failure()?.clause == "5.4.4")
    }

    @Test func `indefinite freeze: an expired delegated role is refused`() throws {
        try repository.delegate(to: "role")
        repository.targets[key: "role"]?.header.expires = RepositorySimulator.now
        #expect(client.failure { _ = try client.updater().target("file") }?.kind == .expired)
        #expect(try client.version("role") == 0)
    }

    // MARK: Mix and match

    @Test func `mix and match: a snapshot that isn't the one that timestamp names is refused`() throws {
        repository.snapshot.header.version = 2
        #expect(client.failure()?.clause == "5.5.4")
        #expect(try client.version("snapshot") == 0)
    }

    @Test func `mix and match: a snapshot with another hash is refused`() throws {
        repository.listsHashes = true
        repository.snapshot.others[key: "x"] = 1
        try repository.updateSnapshot()
        repository.snapshot.others[key: "x"] = 2
        #expect(client.failure()?.clause == "5.5.2")
    }

    @Test func `mix and match: targets that aren't the ones that snapshot names are refused`() throws {
        repository.targets[key: "targets"]?.header.version = 2
        #expect(client.failure()?.clause == "5.6.4")
        #expect(try client.version("targets") == 0)
    }

    @Test func `mix and match: targets with another hash are refused`() throws {
        repository.listsHashes = true
        repository.targets[key: "targets"]?.others[key: "x"] = 1
        try repository.updateSnapshot()
        repository.targets[key: "targets"]?.others[key: "x"] = 2
        #expect(client.failure()?.clause == "5.6.2")
    }

    // MARK: Fast-forward and its recovery

    @Test func `fast-forward of timestamp is undone by rotating its key`() throws {
        repository.timestamp.header.version = Int(Int64.max)
        try client.refresh()
        try repository.rotateKeys(of: "timestamp")
        try repository.publishRoot()
        repository.timestamp.header.version = 1
        try client.refresh()
        #expect(try client.version("timestamp") == 1)
    }

    @Test func `fast-forward of snapshot is undone by rotating timestamp's and snapshot's keys`() throws {
        repository.snapshot.header.version = 99_999
        try repository.updateTimestamp()
        try client.refresh()
        try repository.rotateKeys(of: "timestamp")
        try repository.rotateKeys(of: "snapshot")
        try repository.publishRoot()
        repository.snapshot.header.version = 1
        try repository.updateTimestamp()
        try client.refresh()
        #expect(try client.version("snapshot") == 1)
    }

    @Test func `fast-forward of targets is undone by rotating snapshot's key`() throws {
        repository.targets[key: "targets"]?.header.version = 99_999
        try repository.updateSnapshot()
        try client.refresh()
        try repository.rotateKeys(of: "snapshot")
        try repository.publishRoot()
        repository.targets[key: "targets"]?.header.version = 1
        try repository.updateSnapshot()
        try client.refresh()
        #expect(try client.version("targets") == 1)
    }

    @Test func `a root at the last possible version doesn't overflow`() throws {
        repository.root.header.version = Int.max - 1
        try repository.publishRoot()
        let last = repository.publishedRoots[1]
        try Updater.initialise(client.store, root: last, at: client.time)
        try client.refresh()
        #expect(try client.version("root") == Int.max)
    }

    // MARK: Endless data, slow retrieval, broken connections

    @Test(arguments: ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
    func `endless data is cut off`(file: String) throws {
        repository.overrides[file] = .endless
        #expect(client.failure()?.kind == .tooLong)
    }

    @Test(arguments: ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
    func `slow retrieval is given up`(file: String) throws {
        try repository.publishRoot()
        repository.overrides[file] = .slow(1)
        #expect(client.failure()?.kind == .slow)
    }

    @Test(arguments: ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
    func `a broken connection is an error, and the next run recovers`(file: String) throws {
        repository.overrides[file] = .broken
        #expect(client.failure()?.kind == .network)
        repository.overrides = [:]
        try client.refresh()
    }

    @Test(arguments: ["", "[]", "{", "{\"signed\":{}}", "{\"signed\":{},\"signatures\":[]}", "\u{0}"])
    func `garbage instead of metadata is refused and nothing is stored`(text: String) throws {
        repository.overrides["timestamp.json"] = .bytes(Array(text.utf8))
        #expect(client.failure() != nil)
        #expect(try client.version("timestamp") == 0)
        #expect(try client.version("root") == 1)
    }

    // MARK: Key compromise

    @Test func `partial key compromise: fewer than the threshold can't sign`() throws {
        try repository.addKey(to: "timestamp")
        try repository.addKey(to: "timestamp")
        repository.root.roles[key: "timestamp"]?.threshold = 2
        try repository.publishRoot()
        let all = repository.signers["timestamp"] ?? []
        repository.signers["timestamp"] = [all[1]]
        #expect(client.failure()?.kind == .signatures)
        repository.signers["timestamp"] = [all[0], all[2]]
        try client.refresh()
    }

    @Test func `key compromise: a revoked key can't sign any more`() throws {
        let stolen = repository.signers["timestamp"] ?? []
        try client.refresh()
        try repository.rotateKeys(of: "timestamp")
        try repository.publishRoot()
        try repository.updateTimestamp()
        try client.refresh()
        repository.signers["timestamp"] = stolen
        try repository.updateTimestamp()
        #expect(client.failure()?.kind == .signatures)
    }

    @Test func `one key under several identifiers counts once`() throws {
        let key = try PrivateKey.generate()
        repository.signers["timestamp"] = [key]
        var ids: [String] = []
        for number in 0..<5 {
            let alias = try PublicKey(id: "alias-\(number)", json: key.publicKey.json, subject: "test")
            repository.root.keys[key: alias.id] = alias
            ids.append(alias.id)
        }
        repository.root.roles[key: "timestamp"] = RoleKeys(keyIDs: ids, threshold: 2)
        try repository.publishRoot()
        let file = try repository.content("timestamp.json")
        let parsed = try JSON.parse(file, subject: "test")
        let signature = try #require(parsed["signatures"]?.array?.first?["sig"])
        let list = ids.map { id -> JSON in ["keyid": .string(id), "sig": signature] }
        let forged: JSON = ["signed": parsed["signed"] ?? .null, "signatures": .array(list)]
        repository.overrides["timestamp.json"] = .bytes(forged.compactBytes)
        let failure = client.failure()
        #expect(failure?.kind == .signatures)
        #expect(failure?.what.contains("signed by 1 of the 2") == true)
    }

    @Test func `one key listed twice in a role counts once`() throws {
        let id = try #require(repository.root.roles[key: "timestamp"]?.keyIDs.first)
        repository.root.roles[key: "timestamp"] = RoleKeys(keyIDs: [id, id, id], threshold: 2)
        try repository.publishRoot()
        #expect(client.failure()?.kind == .signatures)
    }

    @Test func `two signatures under one key identifier are refused`() throws {
        let parsed = try JSON.parse(try repository.content("timestamp.json"), subject: "test")
        let signature = try #require(parsed["signatures"]?.array?.first)
        let forged: JSON = ["signed": parsed["signed"] ?? .null, "signatures": [signature, signature]]
        repository.overrides["timestamp.json"] = .bytes(forged.compactBytes)
        #expect(client.failure()?.kind == .malformed)
    }

    @Test func `a key of an unknown kind is kept and never counts`() throws {
        let strange: JSON = ["keytype": "future", "scheme": "x-1", "keyval": ["public": "00"], "more": [1]]
        let key = try PublicKey(id: "strange", json: try #require(strange.object), subject: "test")
        repository.root.keys[key: "strange"] = key
        repository.root.roles[key: "timestamp"]?.keyIDs.append("strange")
        try repository.publishRoot()
        try client.refresh()
        #expect(try client.updater().trusted.root.keys[key: "strange"]?.json[key: "more"] == [1])
        repository.root.roles[key: "timestamp"]?.threshold = 2
        try repository.publishRoot()
        #expect(client.failure()?.kind == .signatures)
    }

    @Test func `a threshold of none is refused`() throws {
        repository.root.roles[key: "timestamp"]?.threshold = 0
        try repository.publishRoot()
        #expect(client.failure()?.kind == .malformed)
    }
}
