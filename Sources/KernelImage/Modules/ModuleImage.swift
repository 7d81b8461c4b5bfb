// A module as it would be in memory, without loading it.
//
// To prove code against a module's file the same way as against the kernel, the file is loaded here at invented
// addresses: its sections one after the other from where the kernel keeps modules, symbols of the kernel proper
// where they are, and each other import at an address of its own. Two references then are to the same thing
// exactly if they lead to the same address, as in the kernel proper.
//
//     0xffffffff81000000  the kernel             0xffffffffc0000000  this module's sections
//     0xffffffffe0000000  other modules' symbols, 64 bytes for each

public import ELF

/// A module's file, loaded at invented addresses.
public struct ModuleImage: KernelObject {
    /// The module's name.
    public let name: String
    /// Symbols of its table, in the file's order, sections and files left out.
    public let symbols: KernelSymbolTable
    /// The file.
    public let module: ModuleFile
    private let placed: [PlacedSection]
    private let imports: [String: UInt64]

    struct PlacedSection: Sendable {
        let index: Int
        let name: String
        let address: UInt64
        let size: UInt64
        var bytes: [UInt8]
    }

    private static let sectionBase: UInt64 = 0xffff_ffff_c000_0000
    private static let importBase: UInt64 = 0xffff_ffff_e000_0000

    /// Loads a module against a kernel.
    public init(_ module: ModuleFile, kernel: KernelSymbolTable) throws(KernelImageError) {
        self.module = module
        name = module.name
        var placed = try Self.place(module.file)
        var imports: [String: UInt64] = [:]
        var next = Self.importBase
        for symbol in module.symbols where symbol.isUndefined && !symbol.name.isEmpty {
            if let address = kernel.address(of: symbol.name) {
                imports[symbol.name] = address
            } else {
                imports[symbol.name] = next
                next &+= 64
            }
        }
        self.imports = imports
        symbols = Self.table(module, placed)
        for index in placed.indices {
            try Self.relocate(&placed[index], module, placed, imports)
        }
        self.placed = placed
    }

    /// Bytes of a section of that name; several sections of one name aren't told apart.
    public func section(_ name: String) throws(KernelImageError) -> KernelRange? {
        placed.first { $0.name == name }.map { KernelRange(address: $0.address, bytes: ByteView($0.bytes)) }
    }

    /// Bytes at an invented address.
    public func contents(at address: UInt64, count: UInt64) throws(KernelImageError) -> ByteView {
        guard let found = placed.first(where: { $0.address <= address && address - $0.address < $0.size }) else {
            throw KernelImageError(.missing("bytes at 0x\(String(address, radix: 16))"), in: name)
        }
        return try reading { () throws(ELFError) in
            try ByteView(found.bytes).slice(address - found.address, count, "bytes of \(found.name)")
        }
    }

    /// The fields of some code that the loader fills in, as offsets from the range's start.
    public func relocatedFields(in range: Range<UInt64>) -> [Range<Int>] {
        guard
            let section = placed.first(where: {
                $0.address <= range.lowerBound && range.lowerBound - $0.address < $0.size
            }),
            let relocations = try? module.file.relocations(of: try module.file.section(section.index))
        else { return [] }
        let start = range.lowerBound - section.address
        return relocations.compactMap { relocation in
            guard relocation.offset >= start, let offset = Int(exactly: relocation.offset - start),
                UInt64(offset) < range.upperBound - range.lowerBound
            else { return nil }
            return offset..<(offset + (X86_64Relocation(rawValue: relocation.type) == .abs64 ? 8 : 4))
        }
    }

    /// The address of a symbol that the module imports.
    public func importedAddress(of name: String) -> UInt64? { imports[name] }
}

extension ModuleImage {
    private static func place(_ file: ELFFile) throws(KernelImageError) -> [PlacedSection] {
        var placed: [PlacedSection] = []
        var next = sectionBase
        for section in file.sections where section.flags.contains(.alloc) {
            let alignment = min(max(section.alignment, 1), 4096)
            let address = (next + alignment - 1) / alignment * alignment
            guard section.size <= UInt64(ModuleFile.sizeLimit), address - sectionBase < 1 << 29 else {
                throw KernelImageError(.malformed(ELFError(.inconsistent, at: section.offset, "size of a section")))
            }
            let bytes = try reading { () throws(ELFError) in try file.rawContents(of: section) }.bytes
            placed.append(
                PlacedSection(
                    index: section.index, name: section.name, address: address, size: section.size, bytes: bytes))
            next = address + section.size
        }
        return placed
    }

    private static func table(_ module: ModuleFile, _ placed: [PlacedSection]) -> KernelSymbolTable {
        var builder = KernelSymbolTable.Builder(expected: module.symbols.count)
        let addresses = Dictionary(placed.map { ($0.index, $0.address) }, uniquingKeysWith: { first, _ in first })
        for symbol in module.symbols where symbol.type != .section && symbol.type != .file {
            guard let index = symbol.sectionIndex, let start = addresses[index], !symbol.name.isEmpty,
                module.file.sections.indices.contains(index)
            else { continue }
            let isCode = module.file.sections[index].flags.contains(.execinstr)
            let letter: UInt8 = isCode ? 0x74 : 0x64
            builder.add(
                name: symbol.name.utf8, address: start &+ symbol.value,
                kind: symbol.binding == .local ? letter : letter & ~0x20, size: symbol.size)
        }
        return builder.table()
    }

    private static func relocate(
        _ section: inout PlacedSection, _ module: ModuleFile, _ placed: [PlacedSection], _ imports: [String: UInt64]
    ) throws(KernelImageError) {
        let addresses = Dictionary(placed.map { ($0.index, $0.address) }, uniquingKeysWith: { first, _ in first })
        let index = section.index
        let relocations = try reading { () throws(ELFError) in
            try module.file.relocations(of: try module.file.section(index))
        }
        for relocation in relocations {
            guard module.symbols.indices.contains(relocation.symbol) else {
                throw KernelImageError(.malformed(ELFError(.inconsistent, at: relocation.offset, "symbol index")))
            }
            let symbol = module.symbols[relocation.symbol]
            let base: UInt64? =
                switch symbol.place {
                case .undefined: imports[symbol.name]
                case .section(let index): addresses[index].map { $0 &+ symbol.value }
                case .absolute: symbol.value
                default: nil
                }
            // Sections that aren't loaded have no address; nothing loaded can depend on them.
            guard let base, let kind = X86_64Relocation(rawValue: relocation.type) else { continue }
            section.write(base &+ UInt64(bitPattern: relocation.addend), kind, at: relocation.offset)
        }
    }
}

extension ModuleImage.PlacedSection {
    /// Stores a relocated value; a field that lies outside the section is left alone, as nothing reads it.
    fileprivate mutating func write(_ value: UInt64, _ kind: X86_64Relocation, at offset: UInt64) {
        let place = address &+ offset
        let (stored, width): (UInt64, Int) =
            switch kind {
            case .abs64: (value, 8)
            case .abs32, .abs32s: (value, 4)
            case .pc32, .plt32: (value &- place, 4)
            case .pc64: (value &- place, 8)
            default: (0, 0)
            }
        guard let start = Int(exactly: offset), start <= bytes.count - width else { return }
        for index in 0..<width { bytes[start + index] = UInt8(truncatingIfNeeded: stored >> UInt64(8 * index)) }
    }
}
