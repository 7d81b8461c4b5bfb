/// A dynamic symbol with its version.
public struct VersionedSymbol: Sendable, Equatable {
    /// The symbol itself.
    public let symbol: Symbol
    /// Its version; `nil` if it has none.
    public let version: SymbolVersion?

    /// The name as `readelf` and `nm -D` print it: `read@GLIBC_2.2.5`, `read@@GLIBC_2.2.5`.
    public var fullName: String {
        guard let version else { return symbol.name }
        return symbol.name + (version.isDefault ? "@@" : "@") + version.name
    }
}

/// The symbols that a component shows to the dynamic loader, searched the way the loader does.
///
/// Everything is read through segments when it is asked for, so a search inside another process touches a few
/// words only: the filter, one bucket, its chain, and the names of entries whose hash is equal.
public struct DynamicSymbols<Image: ProgramImage> {
    let image: Image
    let strings: DynamicStrings
    private let table: UInt64
    private let versions: SymbolVersions
    private let gnuHash: GNUHash?
    private let sysvHash: SysVHash?

    /// Finds the tables; fails if the component has no symbol table.
    public init?(_ image: Image, _ dynamic: DynamicSection) throws(ELFError) {
        guard let symbols = dynamic[.symtab], dynamic[.symbolSize] ?? 24 == 24 else { return nil }
        self.image = image
        strings = DynamicStrings(image, dynamic.entries)
        table = image.linkAddress(ofPointer: symbols)
        versions = try SymbolVersions(image, dynamic, strings)
        gnuHash = try dynamic[.gnuHash].map { (at) throws(ELFError) in
            try GNUHash(image, image.linkAddress(ofPointer: at))
        }
        sysvHash = try dynamic[.hash].map { (at) throws(ELFError) in
            try SysVHash(image, image.linkAddress(ofPointer: at))
        }
    }

    /// The number of symbols, the null symbol included.
    ///
    /// Without a SysV hash table, which states it, the GNU one gives it: no symbol follows its last chain. A
    /// component that defines none has no chain; what it refers to then isn't counted.
    public func count() throws(ELFError) -> Int {
        if let sysvHash { return sysvHash.symbolCount }
        return try gnuHash?.symbolCount(image) ?? 0
    }

    /// One symbol by its index in the table, which is what relocations hold.
    public func symbol(_ index: Int) throws(ELFError) -> VersionedSymbol {
        guard index >= 0 else { throw ELFError(.inconsistent, at: table, "dynamic symbol \(index)") }
        let bytes = try image.entries(table, size: 24, from: UInt64(index))
        let nameOffset: UInt32 = try bytes.load(0)
        let name = nameOffset == 0 ? "" : try strings.string(image, UInt64(nameOffset), "name of dynamic symbol")
        let symbol = try Symbol(bytes, at: 0, index: index, name: name, extended: nil)
        let version = try versions.version(image, of: index, isUndefined: symbol.isUndefined)
        return VersionedSymbol(symbol: symbol, version: version)
    }

    /// All symbols in the table's order.
    ///
    /// More than a million are refused: a hostile process can claim any number, and back it with memory that
    /// costs it nothing.
    public func all() throws(ELFError) -> [VersionedSymbol] {
        let count = try count()
        guard count <= 1 << 20 else { throw ELFError(.inconsistent, at: table, "\(count) dynamic symbols") }
        var all: [VersionedSymbol] = []
        for index in 0..<count { all.append(try symbol(index)) }
        return all
    }

    /// The definition that a reference to a name is bound to, `nil` if the component has none.
    ///
    /// Without `version`, that is the default or unversioned definition; with one, the definition of that
    /// version, or any if the component has no versions.
    public func find(_ name: String, version: String? = nil) throws(ELFError) -> VersionedSymbol? {
        let bytes = Array(name.utf8)
        func accept(_ index: Int) throws(ELFError) -> VersionedSymbol? {
            let entry = try image.entries(table, size: 24, from: UInt64(index))
            guard try entry.load(6, as: UInt16.self) != 0, try entry.load(4, as: UInt8.self) >> 4 != 0,
                try strings.matches(image, UInt64(try entry.load(0, as: UInt32.self)), bytes)
            else { return nil }
            let found = try symbol(index)
            guard let version else { return found.version?.isDefault ?? true ? found : nil }
            return versions.isEmpty || found.version?.name == version ? found : nil
        }
        if let gnuHash { return try gnuHash.search(image, bytes, accept) }
        return try sysvHash?.search(image, bytes, accept)
    }
}

extension ProgramImage {
    /// The symbols for the dynamic loader; `nil` for a static program or an object.
    public func dynamicSymbols() throws(ELFError) -> DynamicSymbols<Self>? {
        guard let dynamic = try dynamicSection() else { return nil }
        return try DynamicSymbols(self, dynamic)
    }
}

extension DynamicSymbols: Sendable where Image: Sendable {}
