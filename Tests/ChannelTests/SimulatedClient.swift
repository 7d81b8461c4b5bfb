import Channel
import Foundation
import TestSupport

/// A client with a folder of its own that refreshes from a simulated repository; one `Updater` per run.
final class SimulatedClient {
    let repository: RepositorySimulator
    let store: MetadataStore
    let folder: String
    var settings = UpdaterSettings()
    var time = RepositorySimulator.now

    init(_ repository: RepositorySimulator) throws {
        self.repository = repository
        folder = NSTemporaryDirectory() + "tsugite-channel-" + UUID().uuidString
        store = MetadataStore(folder: folder + "/metadata")
        try Updater.initialise(store, root: repository.publishedRoots[0], at: time)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func updater() throws -> Updater {
        try Updater(
            store: store, metadataAddress: RepositorySimulator.metadataAddress,
            targetsAddress: RepositorySimulator.targetsAddress, fetcher: repository, settings: settings, at: time)
    }

    func refresh() throws { try updater().refresh() }

    /// What went wrong in a refresh; `nil` if nothing did.
    func failure() -> ChannelError? { failure { try self.refresh() } }

    func failure(_ body: () throws -> Void) -> ChannelError? {
        do {
            try body()
            return nil
        } catch {
            return error as? ChannelError
        }
    }

    /// The version of a role in the store; 0 if there is none.
    func version(_ role: String) throws -> Int {
        guard let bytes = try store.load(role, limit: .max) else { return 0 }
        return Int(try JSON.parse(bytes, subject: role)["signed"]?["version"]?.integer ?? -1)
    }

    func download(_ path: String) throws -> [UInt8]? {
        let updater = try updater()
        guard let target = try updater.target(path) else { return nil }
        let file = try updater.download(target, into: folder + "/targets")
        return Array(try Data(contentsOf: URL(fileURLWithPath: file)))
    }

    var downloads: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder + "/targets")) ?? []
    }
}
