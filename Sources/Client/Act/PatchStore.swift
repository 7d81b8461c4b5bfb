import Findings
import Linux
import LivePatch

/// Verified patch files of this machine, named by their digest: what is needed to put an update in without a network.
public struct PatchStore: Sendable {
    /// Where.
    public let folder: String

    /// Uses a folder.
    public init(_ paths: Paths) { folder = paths.store }

    /// Where a file of that digest is, or would be.
    public func path(_ sha256: String) -> String { "\(folder)/\(sha256).tsp" }

    /// Whether it is here and still what its name says.
    public func has(_ patch: InstalledUpdate.Patch) -> Bool {
        guard let bytes = try? FileSystem.read(path(patch.sha256), limit: patch.length) else { return false }
        return bytes.count == patch.length && Digest(of: bytes).description == patch.sha256
    }

    /// Takes a file over from the folder of the fetching process, which isn't trusted.
    ///
    /// - Throws: `CHN-MISMATCH` unless it has exactly the length and digest that the catalogue names.
    public func take(_ patch: InstalledUpdate.Patch, from file: String) throws(ClientError) {
        let bytes = try asClient { () throws(SystemError) in try Self.read(file, limit: patch.length) }
        guard bytes.count == patch.length, Digest(of: bytes).description == patch.sha256 else {
            throw ClientError(
                .channelMismatch, "\(patch.path): what was fetched isn't what was signed", ["file": file])
        }
        try asClient { () throws(SystemError) in
            try FileSystem.makeDirectory(folder)
            try FileSystem.replace(path(patch.sha256), with: bytes)
        }
    }

    private static func read(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
        let file = try OwnedDescriptor.open(path, [.readOnly, .noFollow])
        guard try FileFacts.of(file).isRegular else {
            throw SystemError(call: "open", errno: .invalidArgument, object: path)
        }
        var bytes = [UInt8](repeating: 0, count: limit + 1)
        let count = try file.readAll(into: &bytes, limit: limit + 1, name: path)
        return Array(bytes.prefix(count))
    }

    /// Removes files that no update needs any more.
    public func keepOnly(_ updates: [InstalledUpdate]) {
        let needed = Set(updates.flatMap(\.patches).map { "\($0.sha256).tsp" })
        for entry in (try? Directory.entries(of: folder)) ?? [] where !needed.contains(entry.name) {
            try? FileSystem.remove("\(folder)/\(entry.name)")
        }
    }
}
