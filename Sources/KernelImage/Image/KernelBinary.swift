public import ELF
import Linux

/// An uncompressed kernel (`vmlinux`), as it was linked: its sections, its bytes by address and its symbols.
public struct KernelBinary: KernelObject {
    /// `vmlinux`, the name by which live patches know the kernel proper.
    public var name: String { "vmlinux" }
    /// The file.
    public let file: ELFFile
    /// All symbols, in address order.
    public let symbols: KernelSymbolTable
    /// The build-id in `.notes`.
    public let buildID: BuildID
    /// `6.1.0-56-cloud-amd64`: the release, as uname(2) tells it.
    public let release: String
    /// The whole first line of `/proc/version`, compiler included.
    public let banner: String

    /// Reads a boot image (`vmlinuz`) or an uncompressed kernel.
    ///
    /// The image is expanded in memory; the result holds about 60 MB.
    public init(reading path: String) throws(KernelImageError) {
        let bytes: ByteStorage
        do { bytes = try ByteStorage(reading: path) } catch { throw KernelImageError(.unreadable(error), in: path) }
        do { try self.init(ByteView(bytes)) } catch { throw error.about(path) }
    }

    /// Reads from bytes of a boot image or an uncompressed kernel.
    public init(_ image: ByteView) throws(KernelImageError) {
        file = try BootImage.kernel(in: image)
        guard let rodata = file.section(named: ".rodata") else { throw KernelImageError(.missing(".rodata")) }
        symbols = try KallsymsReader(try Self.contents(file, rodata)).table()
        guard let notes = file.section(named: ".notes"),
            let id = try? Note.list(try file.rawContents(of: notes), alignment: 4)
                .first(where: { $0.owner == "GNU" && $0.type == 3 })
        else { throw KernelImageError(.missing("build-id")) }
        buildID = BuildID(id.descriptor)
        banner = try Self.banner(file, symbols)
        let words = banner.split(separator: " ")
        release = words.count > 2 ? String(words[2]) : ""
    }

    private static func contents(_ file: ELFFile, _ section: Section) throws(KernelImageError) -> [UInt8] {
        try reading { () throws(ELFError) in try file.rawContents(of: section) }.bytes
    }

    private static func banner(_ file: ELFFile, _ symbols: KernelSymbolTable) throws(KernelImageError) -> String {
        guard let address = symbols.address(of: "linux_banner") else {
            throw KernelImageError(.missing("linux_banner"))
        }
        return try reading { () throws(ELFError) in
            let bytes = try file.contents(atAddress: address, count: 16)
            let rest = try file.bytes.slice(
                UInt64(bytes.start), min(UInt64(file.bytes.count - bytes.start), 1024), "banner")
            return try rest.cString(0, "banner").trimmingNewline
        }
    }

    /// The contents of a section of that name; `nil` if there is none.
    public func section(_ name: String) throws(KernelImageError) -> KernelRange? {
        guard let section = file.section(named: name) else { return nil }
        return KernelRange(
            address: section.address,
            bytes: try reading { () throws(ELFError) in try file.rawContents(of: section) })
    }

    /// The bytes of the file that are loaded at an address.
    /// - Throws: if the file has no bytes for all of it.
    public func contents(at address: UInt64, count: UInt64) throws(KernelImageError) -> ByteView {
        try reading { () throws(ELFError) in try file.contents(atAddress: address, count: count) }
    }

    /// Nothing is outside of the kernel proper.
    public func importedAddress(of name: String) -> UInt64? { nil }

    /// The type information inside.
    public func types() throws(KernelImageError) -> BTF {
        guard let section = try section(".BTF") else { throw KernelImageError(.missing(".BTF")) }
        return try BTF(section.bytes)
    }
}

extension String {
    var trimmingNewline: String { hasSuffix("\n") ? String(dropLast()) : self }
}
