import Channel
import ChannelHTTP
import Foundation
import TestSupport
import Testing

/// Against python-tuf, both ways.
@Suite(.enabled(if: PythonTools.withTUF != nil, "needs python3 and python-tuf from PyPI"))
struct InteropTests {
    let folder = NSTemporaryDirectory() + "tsugite-interop-" + UUID().uuidString

    @Test func `our client follows a repository made by python-tuf, from a folder and over HTTP`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let python = try #require(PythonTools.withTUF)
        try PythonTools.run(python, [PythonTools.script("their_repository.py"), folder + "/repository"])
        let server = try WebServer(folder: folder + "/repository")
        let ways: [(String, any Fetcher)] = [
            ("file://" + folder + "/repository", FileFetcher()), (server.address + "/honest", try HTTPFetcher()),
        ]
        for (number, (address, fetcher)) in ways.enumerated() {
            let store = MetadataStore(folder: "\(folder)/client\(number)")
            try Updater.initialise(store, rootFile: folder + "/repository/metadata/1.root.json")
            let updater = try Updater(
                store: store, metadataAddress: address + "/metadata", targetsAddress: address + "/targets",
                fetcher: fetcher)
            let expected = [
                "top/\u{FC}ber file.txt": "top content", "user/libssl3/abcd/fix.tsp": "by path",
                "hashed/file": "by hash", "binned/file": "in a bin",
            ]
            for (path, content) in expected {
                let target = try #require(try updater.target(path), "\(path)")
                let file = try updater.download(target, into: "\(folder)/targets\(number)")
                #expect(try String(contentsOfFile: file, encoding: .utf8) == content)
            }
            #expect(try updater.target("elsewhere/fix.tsp") == nil)
            #expect(updater.trusted.root.header.version == 2)
            #expect(Set(try updater.allTargets().map(\.path)) == Set(expected.keys))
        }
    }

    @Test(arguments: PrivateKey.Kind.allCases)
    func `python-tuf's client follows our channel through a change of root`(kind: PrivateKey.Kind) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let python = try #require(PythonTools.withTUF)
        let keys = try (0..<4).map { _ in try PrivateKey.generate(kind) }
        let ring = KeyRing(keys)
        func only(_ numbers: Int...) -> RoleKeys {
            RoleKeys(keyIDs: numbers.map { keys[$0].publicKey.id }, threshold: numbers.count)
        }
        let repository = try Repository.create(
            folder: folder + "/channel", root: only(0, 1), targets: only(2), snapshot: only(2), timestamp: only(3),
            keys: ring)
        func add(_ id: String, _ content: String) throws {
            let file = folder + "/" + id
            try content.write(toFile: file, atomically: false, encoding: .utf8)
            let family = try #require(Family("user/libstdc++6"))
            var description = UpdateDescription(id: id, effectiveVersion: "12.2.0-14+deb12u1")
            description.summary = "l\u{E4}uft \u{1F600} \"quoted\" \\ \n"
            let said = description
            _ = try repository.publish(keys: ring) { draft throws(ChannelError) in
                try draft.add(file: file, family: family, buildID: "00ff", name: "\(id).tsp", said)
            }
        }
        func follow(_ ids: String...) throws -> String {
            try PythonTools.run(
                python,
                [PythonTools.script("their_client.py"), folder + "/channel", folder + "/theirs"]
                    + ids.map { "user/libstdc++6/00ff/\($0).tsp" })
        }
        try add("U1", "first")
        #expect(try follow("U1", "U2") == "first\n-\n")
        try add("U2", "second")
        let next = try PrivateKey.generate(kind)
        let draft = try repository.draftRoot { root throws(ChannelError) in
            root.keys[key: next.publicKey.id] = next.publicKey
            root.roles[key: "timestamp"] = RoleKeys(keyIDs: [next.publicKey.id], threshold: 1)
        }
        _ = try repository.adoptRoot(
            try Repository.sign(draft, with: Array(keys[0...1])), keys: KeyRing(keys + [next]))
        #expect(try follow("U1", "U2") == "first\nsecond\n")
    }

    @Test(.enabled(if: PythonTools.tsugite != nil, "needs the tsugite command, built beside the tests"))
    func `the tuf verb goes through the whole client workflow`() throws {
        let python = try #require(PythonTools.withTUF)
        let output = try PythonTools.run(
            python, [PythonTools.script("workflow.py"), try #require(PythonTools.tsugite)])
        #expect(!output.contains("not ok"))
        #expect(output.split(separator: "\n").count { $0.hasPrefix("ok ") } >= 20)
    }
}

@Suite struct HTTPFetcherTests {
    func fetch(_ path: String, limits: TransferLimits) throws -> [UInt8] {
        let folder = NSTemporaryDirectory() + "tsugite-http-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(repeating: 7, count: 300_000).write(to: URL(fileURLWithPath: folder + "/file"))
        let server = try WebServer(folder: folder)
        var all: [UInt8] = []
        try HTTPFetcher().fetch(server.address + path, limits: limits) { piece throws(ChannelError) in
            all += piece
        }
        return all
    }

    func failure(_ path: String, limits: TransferLimits = TransferLimits(maximumLength: 1 << 20)) -> ChannelError? {
        do {
            _ = try fetch(path, limits: limits)
            return nil
        } catch { return error as? ChannelError }
    }

    @Test(arguments: ["/honest/file", "/moved/file"])
    func `fetches a file, also behind a redirect`(path: String) throws {
        let bytes = try fetch(path, limits: TransferLimits(maximumLength: 300_000))
        #expect(bytes.count == 300_000)
    }

    @Test func `names what went wrong`() {
        #expect(failure("/honest/none")?.kind == .notFound)
        #expect(failure("/denied/x")?.kind == .network)
        #expect(failure("/cut/x")?.kind == .network)
        #expect(failure("/honest/file", limits: TransferLimits(maximumLength: 299_999))?.kind == .tooLong)
        #expect(failure("/endless/x")?.kind == .tooLong)
        #expect(throws: ChannelError.self) {
            try HTTPFetcher().fetch("http://127.0.0.1:1/", limits: TransferLimits(maximumLength: 1)) {
                _ throws(ChannelError) in
            }
        }
        #expect(throws: ChannelError.self) {
            try HTTPFetcher().fetch("no address", limits: TransferLimits(maximumLength: 1)) {
                _ throws(ChannelError) in
            }
        }
    }

    @Test func `gives up on a server that trickles or falls silent`() {
        var limits = TransferLimits(maximumLength: 1000, minimumRate: 100, graceSeconds: 1, idleSeconds: 30)
        #expect(failure("/trickle/x", limits: limits)?.kind == .slow)
        limits = TransferLimits(maximumLength: 1000, minimumRate: 0, graceSeconds: 1000, idleSeconds: 2)
        #expect(failure("/silent/x", limits: limits)?.kind == .slow)
    }

    @Test func `refuses a proxy address that it can't read`() {
        for text in ["", "host", "http://", "socks5://h:1", "http://h:99999"] {
            var settings = HTTPSettings()
            settings.proxy = text
            #expect(throws: ChannelError.self) { try HTTPFetcher(settings) }
        }
    }
}
