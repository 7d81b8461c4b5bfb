import Channel
import Foundation
import TestSupport
import Testing

@Suite struct TargetTests {
    let repository: RepositorySimulator
    let client: SimulatedClient

    init() throws {
        repository = try RepositorySimulator()
        client = try SimulatedClient(repository)
    }

    @Test func `fetches a file under its path`() throws {
        try repository.add("a/b/file name.tsp", [1, 2, 3], custom: ["id": "U1"])
        #expect(try client.download("a/b/file name.tsp") == [1, 2, 3])
        #expect(try client.updater().target("a/b/file name.tsp")?.custom == ["id": "U1"])
        #expect(try client.updater().target("other") == nil)
    }

    @Test func `doesn't fetch again what is there already`() throws {
        try repository.add("file", [1, 2, 3])
        _ = try client.download("file")
        repository.requests = []
        _ = try client.download("file")
        #expect(repository.requests == ["2.root.json", "timestamp.json"])
    }

    @Test func `fetches again what was damaged here`() throws {
        try repository.add("file", [1, 2, 3])
        _ = try client.download("file")
        try Data([9, 9, 9]).write(to: URL(fileURLWithPath: client.folder + "/targets/file"))
        #expect(try client.download("file") == [1, 2, 3])
    }

    @Test(arguments: [[9, 9, 9], [1, 2], [1, 2, 3, 4], []] as [[UInt8]])
    func `wrong hash or wrong length: nothing takes the file's name`(content: [UInt8]) throws {
        try repository.add("file", [1, 2, 3])
        repository.files[key: "file"] = content
        #expect(client.failure { _ = try client.download("file") } != nil)
        #expect(client.downloads == [])
    }

    @Test func `endless target data is cut off at the signed length`() throws {
        try repository.add("file", [1, 2, 3])
        try client.refresh()
        let name = try #require(try client.updater().target("file")?.hashes.digests[key: "sha256"])
        repository.overrides[name + ".file"] = .endless
        #expect(client.failure { _ = try client.download("file") }?.kind == .tooLong)
        #expect(client.downloads == [])
    }

    @Test func `a file with hashes of unknown algorithms only is refused`() throws {
        try repository.add("file", [1])
        repository.targets[key: "targets"]?.files[key: "file"] =
            TargetFile(path: "file", length: 1, hashes: FileHashes(digests: ["md5": "00"]))
        repository.targets[key: "targets"]?.header.version += 1
        try repository.updateSnapshot()
        #expect(client.failure { _ = try client.download("file") }?.kind == .mismatch)
    }

    @Test(arguments: [
        "../../etc/passwd", "/etc/passwd", "..", "a\u{301}", "á", "a%2Fb", "a/b", ".", ".hidden",
        String(repeating: "long/", count: 100),
    ])
    func `a path never leaves the folder`(path: String) throws {
        try repository.add(path, [7])
        #expect(try client.download(path) == [7])
        #expect(client.downloads.count == 1)
    }

    @Test func `paths that look alike are two paths`() throws {
        try repository.add("caf\u{E9}", [1])
        try repository.add("cafe\u{301}", [2])
        #expect(try client.download("caf\u{E9}") == [1])
        #expect(try client.download("cafe\u{301}") == [2])
    }
}

@Suite struct DelegationTests {
    let repository: RepositorySimulator
    let client: SimulatedClient

    init() throws {
        repository = try RepositorySimulator()
        client = try SimulatedClient(repository)
    }

    /// The delegated roles asked for while searching a path.
    func visits(_ path: String) throws -> [String] {
        repository.requests = []
        _ = try client.updater().target(path)
        return repository.requests.filter { $0.hasPrefix("1.") }.map { String($0.dropFirst(2).dropLast(5)) }
            .filter { $0 != "targets" && $0 != "snapshot" }
    }

    @Test func `searches depth first in the order of listing`() throws {
        try repository.delegate(to: "A")
        try repository.delegate(to: "B")
        try repository.delegate(from: "A", to: "C")
        try repository.delegate(from: "A", to: "D")
        #expect(try visits("file") == ["A", "C", "D", "B"])
    }

    @Test func `a cycle ends`() throws {
        try repository.delegate(to: "A")
        try repository.delegate(from: "A", to: "B")
        try repository.delegate(from: "B", to: "A")
        try repository.delegate(from: "A", to: "A")
        #expect(try visits("file") == ["A", "B"])
    }

    @Test func `the most trusted role that lists a path wins`() throws {
        try repository.delegate(to: "A")
        try repository.delegate(to: "B")
        try repository.add("file", [2], to: "B")
        #expect(try client.download("file") == [2])
        try repository.add("file", [1], to: "A")
        #expect(try client.download("file") == [1])
    }

    @Test func `a terminating delegation ends the search behind it`() throws {
        try repository.delegate(to: "A", isTerminating: true)
        try repository.delegate(from: "A", to: "C")
        try repository.delegate(to: "B")
        try repository.add("file", [1], to: "B")
        #expect(try client.download("file") == nil)
        #expect(try client.updater().allTargets().isEmpty)
        try repository.add("file", [2], to: "C")
        #expect(try client.download("file") == [2])
        #expect(try client.updater().allTargets().map(\.path) == ["file"])
    }

    @Test func `a role can't speak about paths that it isn't trusted with`() throws {
        try repository.delegate(to: "A", scope: .paths(["user/libssl3/*"]))
        try repository.add("user/libc6/x", [1], to: "A")
        try repository.add("user/libssl3/x", [2], to: "A")
        #expect(try client.download("user/libc6/x") == nil)
        #expect(try client.download("user/libssl3/x") == [2])
        #expect(try client.updater().allTargets().map(\.path) == ["user/libssl3/x"])
    }

    @Test func `hash prefixes delegate`() throws {
        // SHA-256 of "file" begins with 3b9c.
        try repository.delegate(to: "A", scope: .hashPrefixes(["3b9c"]))
        try repository.delegate(to: "B", scope: .hashPrefixes(["00", "01"]))
        try repository.add("file", [1], to: "A")
        #expect(try client.download("file") == [1])
        #expect(try visits("other") == [])
    }

    @Test func `hash bins delegate each path to one bin`() throws {
        try repository.delegateToBins(bitLength: 3, prefix: "bin")
        // SHA-256 of "file" begins with the bits 001.
        try repository.add("file", [1], to: "bin-1")
        try repository.add("other", [2], to: "bin-1")
        #expect(try client.download("file") == [1])
        #expect(try client.updater().allTargets().contains { $0.path == "file" })
        #expect(
            HashBins(bitLength: 9, namePrefix: "b", keys: RoleKeys(keyIDs: [], threshold: 1)).name(ofBin: 5)
                == "b-005")
    }

    @Test func `visits only so many roles`() throws {
        for number in 0..<6 { try repository.delegate(to: "R\(number)") }
        try repository.add("file", [1], to: "R5")
        client.settings.maximumDelegations = 3
        #expect(try client.download("file") == nil)
        client.settings.maximumDelegations = 6
        #expect(try client.download("file") == [1])
    }

    @Test func `a delegated role signed by another role's key is refused`() throws {
        try repository.delegate(to: "A")
        try repository.delegate(to: "B")
        repository.signers["A"] = repository.signers["B"]
        #expect(client.failure { _ = try client.updater().target("x") }?.kind == .signatures)
    }

    @Test func `a role that two delegators vouch for is verified for each`() throws {
        try repository.delegate(to: "A")
        try repository.delegate(to: "B", scope: .paths(["x"]))
        try repository.delegate(from: "B", to: "A")
        // B names another key for A, so B's way to A must fail although the other way was good.
        let other = try PrivateKey.generate()
        repository.targets[key: "B"]?.delegations = Delegations(
            keys: [other.publicKey.id: other.publicKey],
            form: .roles([
                DelegatedRole(
                    name: "A", keys: RoleKeys(keyIDs: [other.publicKey.id], threshold: 1), scope: .paths(["x"]))
            ]))
        if case .roles(let roles)? = repository.targets[key: "targets"]?.delegations?.form {
            repository.targets[key: "targets"]?.delegations?.form = .roles(roles.reversed())
        }
        try repository.updateSnapshot()
        #expect(client.failure { _ = try client.updater().target("x") }?.kind == .signatures)
    }

    @Test func `a delegated role missing from snapshot is an error`() throws {
        try repository.delegate(to: "A")
        repository.snapshot.meta[key: "A.json"] = nil
        repository.snapshot.header.version += 1
        try repository.updateTimestamp()
        #expect(client.failure { _ = try client.updater().target("x") }?.kind == .mismatch)
    }

    @Test(arguments: ["?", "#", "/delegated", "../delegated", "a b", "e\u{301}"])
    func `unusual role names are quoted in addresses and file names`(name: String) throws {
        try repository.delegate(to: name)
        try repository.add("file", [1], to: name)
        #expect(try client.download("file") == [1])
        let stored = try FileManager.default.contentsOfDirectory(atPath: client.store.folder)
        #expect(stored.count == 6)
    }

    @Test(arguments: ["root", "targets", "snapshot", "timestamp", ""])
    func `a delegation can't take the name of a top-level role`(name: String) throws {
        try repository.delegate(to: "A")
        let key = RoleKeys(keyIDs: [], threshold: 1)
        repository.targets[key: "targets"]?.delegations?.form = .roles([
            DelegatedRole(name: name, keys: key, scope: .paths(["*"]))
        ])
        #expect(client.failure()?.kind == .malformed)
    }
}
