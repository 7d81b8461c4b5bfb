/// This machine's copy of a channel's metadata: what was verified last, one file per role.
///
/// Layout: `root.json`, `timestamp.json`, `snapshot.json`, `targets.json` and one file per delegated role,
/// names percent-encoded; older roots in `root_history/N.root.json`. Every write is atomic and durable, so a
/// run that dies leaves the metadata of the step before.
public struct MetadataStore: Sendable {
    /// The folder.
    public let folder: String

    /// Uses (and makes, when something is stored) a folder.
    public init(folder: String) { self.folder = folder }

    private func path(_ role: String) -> String { "\(folder)/\(PercentEncoding.encode(role)).json" }
    private func path(rootVersion version: Int) -> String { "\(folder)/root_history/\(version).root.json" }

    /// The stored metadata of a role; `nil` if there is none.
    public func load(_ role: String, limit: Int) throws(ChannelError) -> [UInt8]? {
        try Files.read(path(role), limit: limit)
    }

    /// A root of an earlier version; `nil` if there is none.
    public func loadRoot(version: Int, limit: Int) throws(ChannelError) -> [UInt8]? {
        try Files.read(path(rootVersion: version), limit: limit)
    }

    /// Stores verified metadata of a role.
    public func store(_ bytes: [UInt8], role: String) throws(ChannelError) {
        try Files.makeFolder(folder)
        try Files.replace(path(role), with: bytes)
    }

    /// Stores a verified root, in the history first.
    public func storeRoot(_ bytes: [UInt8], version: Int) throws(ChannelError) {
        try Files.makeFolder("\(folder)/root_history")
        try Files.replace(path(rootVersion: version), with: bytes)
        try Files.replace(path(Root.type), with: bytes)
    }
}
