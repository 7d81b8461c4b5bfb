import ELF

/// One symbol that modules may use by name, as `EXPORT_SYMBOL` offers it.
public struct KernelExport: Sendable, Equatable {
    /// The symbol.
    public let name: String
    /// `vmlinux`, or the module that offers it.
    public let owner: String
    /// Checksum of its type, which a module that uses it must carry; `nil` without CONFIG_MODVERSIONS.
    public let crc: UInt32?
    /// Whether only modules under the GPL may use it.
    public let isGPLOnly: Bool

    /// Makes an entry.
    public init(name: String, owner: String, crc: UInt32?, isGPLOnly: Bool) {
        self.name = name
        self.owner = owner
        self.crc = crc
        self.isGPLOnly = isGPLOnly
    }
}

/// The exports of a kernel and its modules, by name.
public struct ExportTable: Sendable {
    private var exports: [String: KernelExport] = [:]

    /// Starts empty.
    public init() {}

    /// The export of that name.
    public subscript(name: String) -> KernelExport? { exports[name] }

    /// The number of exports.
    public var count: Int { exports.count }

    /// Adds an export; the first of a name stays.
    public mutating func add(_ export: KernelExport) {
        if exports[export.name] == nil { exports[export.name] = export }
    }

    /// Reads `Module.symvers`: a line each of checksum, symbol, owner, kind of export, namespace, tab-separated.
    public init(symvers text: String) throws(KernelImageError) {
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count >= 4, fields[0].hasPrefix("0x"), let crc = UInt32(fields[0].dropFirst(2), radix: 16)
            else { throw KernelImageError(.symbols("line \"\(line.prefix(80))\""), in: "Module.symvers") }
            add(
                KernelExport(
                    name: String(fields[1]), owner: String(fields[2]), crc: crc,
                    isGPLOnly: fields[3].hasPrefix("EXPORT_SYMBOL_GPL")))
        }
    }

    /// Reads `__ksymtab*` and `__kcrctab*` of the kernel proper.
    ///
    /// Each entry has three self-relative fields of 32 bits: value, name, namespace
    /// (CONFIG_HAVE_ARCH_PREL32_RELOCATIONS, which x86-64 and arm64 have); the checksums stand in parallel.
    public init(of kernel: KernelBinary) throws(KernelImageError) {
        for (suffix, isGPLOnly) in [("", false), ("_gpl", true)] {
            guard let table = try kernel.section("__ksymtab" + suffix) else { continue }
            let checksums = try kernel.section("__kcrctab" + suffix)
            for index in 0..<(table.bytes.count / 12) {
                let name = try reading { () throws(ELFError) in
                    let address = try table.relative(12 * index + 4)
                    return try Self.text(kernel, address)
                }
                add(
                    KernelExport(
                        name: name, owner: kernel.name, crc: try? checksums?.bytes.load(4 * index),
                        isGPLOnly: isGPLOnly))
            }
        }
    }

    private static func text(_ kernel: KernelBinary, _ address: UInt64) throws(ELFError) -> String {
        guard let strings = kernel.file.section(named: "__ksymtab_strings"), address >= strings.address else {
            throw ELFError(.inconsistent, at: 0, "name of an export")
        }
        return try kernel.file.rawContents(of: strings).cString(
            Int(clamping: address - strings.address), "name of an export")
    }
}
