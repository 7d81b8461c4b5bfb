/// The version of a dynamic symbol, as the GNU linker records it.
public struct SymbolVersion: Sendable, Hashable {
    /// Its name, such as `GLIBC_2.34`.
    public let name: String
    /// For a definition: whether references without a version get it (`name@@VERSION`).
    public let isDefault: Bool
    /// For a reference: the component that has to define it.
    public let library: String?
}

/// The names behind the numbers in `.gnu.version`.
///
/// Each dynamic symbol has a 16-bit number there: 0 is local, 1 the unversioned global one, any other names an
/// entry of the definitions (`.gnu.version_d`) or of the references (`.gnu.version_r`). Bit 15 says that a
/// definition isn't the default one. Both tables are chains of records with the distance to the next one.
/// See the Linux Standard Base, "Symbol Versioning".
struct SymbolVersions: Sendable {
    private let versym: UInt64?
    private var definitions: [UInt16: String] = [:]
    private var references: [UInt16: (name: String, library: String)] = [:]

    init(_ image: some ProgramImage, _ dynamic: DynamicSection, _ strings: DynamicStrings) throws(ELFError) {
        versym = dynamic[.versym].map(image.linkAddress)
        if let table = dynamic[.verdef], let count = dynamic[.verdefCount] {
            try readDefinitions(image, image.linkAddress(ofPointer: table), count, strings)
        }
        if let table = dynamic[.verneed], let count = dynamic[.verneedCount] {
            try readReferences(image, image.linkAddress(ofPointer: table), count, strings)
        }
    }

    /// Whether the component has versions at all.
    var isEmpty: Bool { versym == nil }

    /// The version of the symbol with that index; `nil` if it has none.
    func version(_ image: some ProgramImage, of index: Int, isUndefined: Bool) throws(ELFError) -> SymbolVersion? {
        guard let versym else { return nil }
        let word: UInt16 = try image.entries(versym, size: 2, from: UInt64(index)).load(0)
        let number = word & 0x7fff
        guard number > 1 else { return nil }
        if isUndefined, let found = references[number] {
            return SymbolVersion(name: found.name, isDefault: false, library: found.library)
        }
        if let name = definitions[number] {
            return SymbolVersion(name: name, isDefault: word & 0x8000 == 0, library: nil)
        }
        // A symbol that the linker copied into the executable is defined there under the library's version.
        guard let found = references[number] else {
            throw ELFError(.inconsistent, at: versym, "version \(number) of dynamic symbol \(index)")
        }
        return SymbolVersion(name: found.name, isDefault: false, library: found.library)
    }

    /// `Elf64_Verdef`, each with a list of `Elf64_Verdaux` of which the first is the version's own name.
    private mutating func readDefinitions(
        _ image: some ProgramImage, _ table: UInt64, _ count: UInt64, _ strings: DynamicStrings
    ) throws(ELFError) {
        var chain = RecordChain(at: table, count: count)
        while let record = try chain.next(image, size: 20, nextAt: 16) {
            let number: UInt16 = try record.bytes.load(4)
            let names = record.address &+ UInt64(try record.bytes.load(12, as: UInt32.self))
            let name: UInt32 = try image.load(names)
            definitions[number & 0x7fff] = try strings.string(image, UInt64(name), "name of a version")
        }
    }

    /// `Elf64_Verneed`, one for each library, each with a list of `Elf64_Vernaux`.
    private mutating func readReferences(
        _ image: some ProgramImage, _ table: UInt64, _ count: UInt64, _ strings: DynamicStrings
    ) throws(ELFError) {
        var libraries = RecordChain(at: table, count: count)
        while let record = try libraries.next(image, size: 16, nextAt: 12) {
            let file: UInt32 = try record.bytes.load(4)
            let library = try strings.string(image, UInt64(file), "library of a version")
            let first = record.address &+ UInt64(try record.bytes.load(8, as: UInt32.self))
            var versions = RecordChain(at: first, count: UInt64(try record.bytes.load(2, as: UInt16.self)))
            while let entry = try versions.next(image, size: 16, nextAt: 12) {
                let number: UInt16 = try entry.bytes.load(6)
                let name: UInt32 = try entry.bytes.load(8)
                references[number & 0x7fff] = (
                    try strings.string(image, UInt64(name), "name of a version"), library
                )
            }
        }
    }
}

/// Records that each hold the distance in bytes to the next one, 0 in the last.
private struct RecordChain {
    private var address: UInt64?
    private var left: UInt64

    init(at address: UInt64, count: UInt64) {
        self.address = address
        // Version numbers have 15 bits, so more records can't be meant.
        left = min(count, 0x7fff)
    }

    mutating func next(_ image: some ProgramImage, size: UInt64, nextAt: Int) throws(ELFError)
        -> (address: UInt64, bytes: ByteView)?
    {
        guard left > 0, let here = address else { return nil }
        let bytes = try image.contents(atAddress: here, count: size)
        let distance: UInt32 = try bytes.load(nextAt)
        left -= 1
        address = distance == 0 ? nil : here &+ UInt64(distance)
        return (here, bytes)
    }
}
