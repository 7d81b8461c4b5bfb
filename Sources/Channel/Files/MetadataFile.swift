/// Small files that people carry between machines: drafts of root, batches, bundles' descriptions.
public enum MetadataFile {
    /// Reads a file of at most `limit` bytes.
    public static func read(_ path: String, limit: Int = 1 << 20) throws(ChannelError) -> [UInt8] {
        guard let bytes = try Files.read(path, limit: limit) else {
            throw ChannelError(.file, path, "no such file")
        }
        return bytes
    }

    /// Writes a file in one step.
    public static func write(_ bytes: [UInt8], to path: String) throws(ChannelError) {
        try Files.replace(path, with: bytes)
    }
}
