import Glibc
import NIOCore

/// The path of a request, if it is one that is served.
struct ServedPath {
    /// Below the channel's folder, decoded.
    let text: String

    /// Takes `/metadata/…` and `/targets/…`; no part may be empty or begin with a dot.
    init?(_ uri: String) {
        let raw = uri.prefix { $0 != "?" }
        guard raw.first == "/", let decoded = Self.decode(raw.utf8.dropFirst()), decoded.utf8.count < 2048 else {
            return nil
        }
        let parts = decoded.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0] == "metadata" || parts[0] == "targets",
            parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") })
        else { return nil }
        text = decoded
    }

    /// The part below `targets/`, if it is there.
    var target: String? { text.hasPrefix("targets/") ? String(text.dropFirst(8)) : nil }

    /// Whether what stands under this name never changes.
    var isImmutable: Bool { text != "metadata/timestamp.json" }

    private static func decode(_ bytes: some Sequence<UInt8>) -> String? {
        var result: [UInt8] = []
        var rest = Array(bytes)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            guard let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.count >= 2
            else {
                return nil
            }
            result.append(code)
            rest = rest.dropFirst(2)
        }
        return result.contains(0) ? nil : String(validating: result, as: UTF8.self)
    }
}

/// A regular file, opened to be sent.
struct OpenFile: Sendable {
    let region: FileRegion
    private let handle: NIOFileHandle

    /// Opens a file; `nil` if there is none, or it is something else than a regular file.
    init?(_ path: String) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        // `status` is a local of the type that fstat fills.
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(descriptor)
            return nil
        }
        handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor)
        region = FileRegion(fileHandle: handle, readerIndex: 0, endIndex: Int(status.st_size))
    }

    func close() { try? handle.close() }
}
