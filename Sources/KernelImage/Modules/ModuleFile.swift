public import ELF
import Linux

/// A kernel module's file (`.ko`), compressed or not.
public struct ModuleFile: Sendable {
    /// The file, a relocatable object.
    public let file: ELFFile
    /// The symbols of its own table, in the file's order.
    public let symbols: [Symbol]
    /// `key=value` pairs of `.modinfo`, in order.
    public let info: [(key: String, value: String)]

    /// Largest module that is expanded, in bytes.
    public static let sizeLimit = 256 << 20

    /// Reads a module's file.
    public init(reading path: String) throws(KernelImageError) {
        let bytes: ByteStorage
        do { bytes = try ByteStorage(reading: path) } catch { throw KernelImageError(.unreadable(error), in: path) }
        do { try self.init(ByteView(bytes)) } catch { throw error.about(path) }
    }

    /// Reads a module from bytes.
    public init(_ bytes: ByteView) throws(KernelImageError) {
        let plain = try CompressionFormat(bytes)?.expand(bytes, limit: Self.sizeLimit) ?? bytes
        let opened = try reading { () throws(ELFError) in
            let file = try ELFFile(plain)
            return (file, try file.symbols())
        }
        (file, symbols) = opened
        guard file.type == .relocatable, file.section(named: ".gnu.linkonce.this_module") != nil else {
            throw KernelImageError(.missing("a module's own structure (.gnu.linkonce.this_module)"))
        }
        info = try Self.info(file)
    }

    private static func info(_ file: ELFFile) throws(KernelImageError) -> [(key: String, value: String)] {
        guard let section = file.section(named: ".modinfo") else { return [] }
        let bytes = try reading { () throws(ELFError) in try file.rawContents(of: section) }.bytes
        return bytes.split(separator: 0).compactMap { entry in
            let text = String(decoding: entry, as: UTF8.self)
            guard let equals = text.firstIndex(of: "=") else { return nil }
            return (String(text[..<equals]), String(text[text.index(after: equals)...]))
        }
    }

    /// The first value of a key of `.modinfo`.
    public func info(_ key: String) -> String? { info.first { $0.key == key }?.value }

    /// The module's name, as the kernel knows it.
    public var name: String { info("name") ?? "" }

    /// Release and options that must be equal for the kernel to accept the module.
    public var versionMagic: String? { info("vermagic") }

    /// The layout of `struct module` in this kernel, as far as a module's file shows it.
    public func moduleStructure() throws(KernelImageError) -> ModuleStructure {
        try ModuleStructure(self)
    }
}

/// Where a module's own structure has its name, its start and its end.
public struct ModuleStructure: Sendable, Equatable {
    /// Size of the structure in bytes.
    public let size: Int
    /// Alignment of its section.
    public let alignment: UInt64
    /// Where the pointer to `init_module` is; `nil` if the module has none.
    public let initOffset: Int?
    /// Where the pointer to `cleanup_module` is.
    public let exitOffset: Int?

    init(_ module: ModuleFile) throws(KernelImageError) {
        guard let section = module.file.section(named: ".gnu.linkonce.this_module") else {
            throw KernelImageError(.missing(".gnu.linkonce.this_module"))
        }
        let relocations = try reading { () throws(ELFError) in try module.file.relocations(of: section) }
        func place(_ name: String) -> Int? {
            relocations.first {
                module.symbols.indices.contains($0.symbol) && module.symbols[$0.symbol].name == name
            }
            .flatMap { Int(exactly: $0.offset) }
        }
        size = Int(clamping: section.size)
        alignment = section.alignment
        initOffset = place("init_module")
        exitOffset = place("cleanup_module")
    }
}
