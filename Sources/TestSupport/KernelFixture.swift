import Foundation

/// A distributor's kernel, downloaded once into a cache folder by `Tests/Kernel/fetch`.
public struct KernelFixture: Sendable {
    /// What to fetch.
    public enum Part: String, Sendable {
        /// Boot image and modules of the default series.
        case image
        /// That, headers and source.
        case source
        /// Boot image and modules of another series.
        case other
    }

    /// Where the package's files are.
    public let folder: String

    /// Names a folder that is laid out as the script does it.
    public init(folder: String) { self.folder = folder }

    /// The kernel's release.
    public var release: String { (folder as NSString).lastPathComponent }
    /// Path of the boot image.
    public var bootImage: String { "\(folder)/boot/vmlinuz-\(release)" }
    /// The folder of the modules.
    public var modules: String { "\(folder)/lib/modules/\(release)" }

    /// Fetches, or finds what was fetched before; `nil` if this machine's package manager offers none.
    public static func fetch(_ part: Part) -> KernelFixture? {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Tests/Kernel/fetch").path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: script)
        process.arguments = [part.rawValue]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let folder = output.trimmingCharacters(in: .whitespacesAndNewlines)
        return process.terminationStatus == 0 && !folder.isEmpty ? KernelFixture(folder: folder) : nil
    }

    /// The image of the default series, fetched at the first use.
    public static let image = fetch(.image)
    /// With source and headers.
    public static let source = fetch(.source)
    /// The image of another series.
    public static let other = fetch(.other)
}
