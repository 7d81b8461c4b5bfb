import ELF
import KernelImage

/// What a boot image holds, as far as live patches are concerned.
struct KernelImageReport: Encodable {
    /// Name of the JSON form.
    var schema = "tsugite.inspect-image/1"
    /// As uname(2) will tell it.
    var release: String
    /// The exact kernel.
    var buildID: String
    /// First line of `/proc/version`.
    var banner: String
    /// Symbols in its own table.
    var symbols: Int
    /// Types in its type information.
    var types: Int
    /// Symbols that modules may use.
    var exports: Int
    /// Places that the kernel rewrites, by table.
    var sites: [String: Int]

    /// Reads an image.
    init(_ bytes: ByteView) throws {
        let kernel = try KernelBinary(bytes)
        let types = try kernel.types()
        release = kernel.release
        buildID = "\(kernel.buildID)"
        banner = kernel.banner
        symbols = kernel.symbols.count
        self.types = types.count
        exports = try ExportTable(of: kernel).count
        sites = [:]
        for table in SiteTable.allCases {
            let count = try table.sites(in: kernel, types: types).count
            if count > 0 { sites[table.rawValue] = count }
        }
    }

    /// Whether bytes are a boot image of Linux/x86: its header's mark.
    static func isOne(_ bytes: ByteView) -> Bool { (try? bytes.load(0x202, as: UInt32.self)) == 0x5372_6448 }

    /// The text form.
    var text: String {
        var lines = ["kernel \(release)  build-id \(buildID)", banner]
        lines.append("\(symbols) symbols, \(types) types, \(exports) exports")
        lines += sites.sorted { $0.key < $1.key }.map { "    \($0.value) \($0.key)" }
        return lines.joined(separator: "\n")
    }
}
