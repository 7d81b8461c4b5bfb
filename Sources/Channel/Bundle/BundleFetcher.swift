import Glibc

/// Reads a bundle: the channel's files as if they came from a server.
///
/// Addresses are `metadata/NAME` and `targets/NAME` below any prefix; target files are found by the hash in
/// their name.
public final class BundleFetcher: Fetcher, @unchecked Sendable {
    /// The file.
    public let path: String
    // Immutable after `init`; pread(2) may be called from several threads at once.
    private let descriptor: Int32
    private let index: TapeIndex

    /// Opens a bundle and reads its table of contents.
    public init(_ path: String) throws(ChannelError) {
        self.path = path
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0, let size = Files.length(path) else {
            throw ChannelError(.file, path, "can't be opened")
        }
        self.descriptor = descriptor
        do throws(ChannelError) {
            index = try TapeIndex(path, size: size) { offset, length throws(ChannelError) in
                try Self.read(descriptor, path, offset, length)
            }
        } catch {
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// The seal's bytes.
    func seal() throws(ChannelError) -> [UInt8] { try bytes(of: "seal.json", limit: 1 << 20) }

    /// A small file of the bundle.
    private func bytes(of name: String, limit: Int) throws(ChannelError) -> [UInt8] {
        guard let place = index.places[key: name] else {
            throw ChannelError(.notFound, name, "not in the bundle \(path)")
        }
        guard place.length <= limit else { throw ChannelError(.tooLong, name, "more than \(limit) bytes") }
        return try Self.read(descriptor, path, place.offset, place.length)
    }

    /// Brings one file.
    public func fetch(
        _ address: String, limits: TransferLimits, _ receive: ([UInt8]) throws(ChannelError) -> Void
    ) throws(ChannelError) {
        guard let name = Self.name(for: address), let place = index.places[key: name] else {
            throw ChannelError(.notFound, address, "not in the bundle \(path)")
        }
        guard place.length <= limits.maximumLength else {
            throw ChannelError(.tooLong, address, "more than \(limits.maximumLength) bytes")
        }
        var done = 0
        while done < place.length {
            let piece = try Self.read(descriptor, path, place.offset + done, min(1 << 16, place.length - done))
            guard !piece.isEmpty else { throw ChannelError(.malformed, path, "the bundle ends too early") }
            done += piece.count
            try receive(piece)
        }
    }

    private static func name(for address: String) -> String? {
        guard let decoded = PercentEncoding.decode(address),
            let last = decoded.split(separator: "/", omittingEmptySubsequences: false).last
        else { return nil }
        if decoded.contains("/metadata/") { return "metadata/\(last)" }
        return "targets/\(last.prefix { $0 != "." })"
    }

    private static func read(
        _ descriptor: Int32, _ path: String, _ offset: Int, _ length: Int
    ) throws(ChannelError) -> [UInt8] {
        var got = 0
        // pread(2) writes at most `length` bytes into the buffer of that capacity.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            repeat {
                got = unsafe pread(descriptor, buffer.baseAddress, length, off_t(offset))
            } while got < 0
                && errno == EINTR
            count = max(got, 0)
        }
        guard got >= 0 else { throw ChannelError(.file, path, "read failed") }
        return bytes
    }
}
