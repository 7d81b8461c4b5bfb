import Channel
import TestSupport
import Testing

@Suite struct RefreshTests {
    let repository: RepositorySimulator
    let client: SimulatedClient

    init() throws {
        repository = try RepositorySimulator()
        client = try SimulatedClient(repository)
    }

    @Test func `asks in the order of the specification and stores each role`() throws {
        try client.refresh()
        #expect(repository.requests == ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
        for role in ["root", "timestamp", "snapshot", "targets"] { #expect(try client.version(role) == 1) }
    }

    @Test func `with nothing new asks for the next root and the timestamp only`() throws {
        try client.refresh()
        repository.requests = []
        try client.refresh()
        #expect(repository.requests == ["2.root.json", "timestamp.json"])
    }

    @Test func `one request tells that nothing is new, and the same tells when something is`() throws {
        try client.refresh()
        repository.requests = []
        #expect(try client.updater().hasNews() == false)
        #expect(repository.requests == ["timestamp.json"])
        try repository.updateTimestamp()
        #expect(try client.updater().hasNews())
    }

    @Test func `an expired timestamp is never called nothing new`() throws {
        try client.refresh()
        client.time = repository.timestamp.header.expires
        #expect(try client.updater().hasNews())
    }

    @Test func `follows several roots one by one`() throws {
        try repository.publishRoot()
        try repository.publishRoot()
        try client.refresh()
        #expect(repository.requests.prefix(3) == ["2.root.json", "3.root.json", "4.root.json"])
        #expect(try client.version("root") == 3)
        #expect(try client.store.loadRoot(version: 2, limit: .max) == repository.publishedRoots[1])
    }

    @Test func `stops after the allowed number of roots and goes on next time`() throws {
        for _ in 0..<4 { try repository.publishRoot() }
        client.settings.maximumRootRotations = 2
        try client.refresh()
        #expect(try client.version("root") == 3)
        try client.refresh()
        #expect(try client.version("root") == 5)
    }

    @Test func `works without versions in names`() throws {
        repository.root.consistentSnapshot = false
        try repository.publishRoot()
        try repository.add("file", [1, 2, 3])
        #expect(try client.download("file") == [1, 2, 3])
        #expect(repository.requests.suffix(3) == ["snapshot.json", "targets.json", "file"])
    }

    @Test func `without a trusted root says so`() throws {
        let empty = MetadataStore(folder: client.folder + "/none")
        #expect(throws: ChannelError.self) {
            _ = try Updater(store: empty, metadataAddress: "sim://", fetcher: repository)
        }
    }

    @Test func `unknown members of signed metadata are part of what is verified`() throws {
        repository.root.others[key: "x-unknown"] = ["a": 1, "é": [true, nil]]
        repository.targets[key: "targets"]?.others[key: "x-more"] = "text"
        try repository.publishRoot()
        try repository.updateSnapshot()
        try client.refresh()
        #expect(try client.updater().trusted.root.others[key: "x-unknown"]?["a"] == 1)
    }

    @Test func `timestamp and snapshot with lengths and hashes are accepted`() throws {
        repository.listsHashes = true
        try repository.add("file", Array("content".utf8))
        try client.refresh()
        #expect(try client.version("snapshot") == 2)
    }

    @Test(arguments: PrivateKey.Kind.allCases)
    func `verifies keys of every kind`(kind: PrivateKey.Kind) throws {
        let oldRootKeys = repository.signers["root"] ?? []
        for role in ["root", "timestamp", "snapshot", "targets"] {
            repository.root.roles[key: role]?.keyIDs = []
            repository.signers[role] = []
            try repository.addKey(to: role, kind)
        }
        try repository.publishRoot(alsoSignedBy: oldRootKeys)
        try client.refresh()
        #expect(try client.version("root") == 2)
        #expect(try client.version("targets") == 1)
    }
}
