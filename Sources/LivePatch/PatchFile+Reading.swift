public import ELF

extension LivePatch {
    /// Reads the relocatable object behind a patch file and validates it.
    public init(object bytes: ByteView) throws(PatchFileError) {
        guard bytes.count <= Limits.fileSize else { throw PatchFileError(.malformed, "\(bytes.count) bytes") }
        let file = try ofELF { () throws(ELFError) in try ELFFile(bytes) }
        func contents(_ name: String) throws(PatchFileError) -> [UInt8]? {
            guard let section = file.section(named: name) else { return nil }
            return try ofELF { () throws(ELFError) in try file.rawContents(of: section).bytes }
        }
        guard file.type == .relocatable, let table = try contents(SectionName.targets) else {
            throw PatchFileError(.malformed, "no section \(SectionName.targets)")
        }
        let head = try TableCoding.decode(table)
        let loaded = try ofELF { () throws(ELFError) in try LoadedObject(file) }
        self.init(
            name: head.name, machine: file.machine, changes: head.changes,
            targets: try loaded.renumber(head.targets), object: loaded.object,
            manifest: try contents(SectionName.manifest) ?? [], diff: try contents(SectionName.diff) ?? [],
            provenance: try contents(SectionName.provenance) ?? [])
        try validate()
    }
}

/// Runs a read of ELF data and turns its error into one about the patch file.
private func ofELF<T>(_ body: () throws(ELFError) -> T) throws(PatchFileError) -> T {
    do throws(ELFError) { return try body() } catch { throw PatchFileError(.elf(error), error.what) }
}

/// The loadable part of a file, and how the file's numbers for sections and symbols map to the model's.
private struct LoadedObject {
    var object = PatchObject()
    /// Index in the file → index into `object.sections`.
    private var sections: [Int: Int] = [:]

    init(_ file: ELFFile) throws(ELFError) {
        for section in file.sections where section.flags.contains(.alloc) {
            sections[section.index] = object.sections.count
            object.sections.append(
                PatchObject.Section(
                    name: section.name, flags: section.flags, alignment: max(section.alignment, 1),
                    contents: try file.rawContents(of: section).bytes, size: section.size))
        }
        // The null symbol is left out, so an index in the file is one more than in the model.
        for symbol in try file.symbols().dropFirst() {
            object.symbols.append(
                PatchObject.Symbol(
                    name: symbol.name, section: try loadedSection(of: symbol), value: symbol.value,
                    size: symbol.size, type: symbol.type, binding: symbol.binding))
        }
        for table in file.sections where table.type == .rela {
            guard let section = sections[table.info] else { continue }
            object.sections[section].relocations += try file.relocations(in: table).map {
                (relocation) throws(ELFError) in
                guard relocation.symbol > 0 else {
                    throw ELFError(.inconsistent, at: table.offset, "relocation without a symbol in \(table.name)")
                }
                return Relocation(
                    offset: relocation.offset, type: relocation.type, symbol: relocation.symbol - 1,
                    addend: relocation.addend)
            }
        }
    }

    private func loadedSection(of symbol: Symbol) throws(ELFError) -> Int? {
        switch symbol.place {
        case .undefined: return nil
        case .section(let index):
            guard let section = sections[index] else {
                throw ELFError(.inconsistent, at: 0, "symbol \(symbol.name) lies in a section that isn't loaded")
            }
            return section
        case .absolute, .common, .reserved:
            throw ELFError(.unsupported, at: 0, "symbol \(symbol.name) is absolute or common")
        }
    }

    /// Rewrites the file's numbers in the table of targets to the model's.
    func renumber(_ targets: [PatchTarget]) throws(PatchFileError) -> [PatchTarget] {
        var targets = targets
        for index in targets.indices {
            targets[index].sections = try targets[index].sections.map { (number) throws(PatchFileError) in
                guard let section = sections[number] else {
                    throw PatchFileError(.malformed, "target \(targets[index].name): section \(number)")
                }
                return section
            }
            for function in targets[index].functions.indices { targets[index].functions[function].replacement -= 1 }
            for external in targets[index].externals.indices { targets[index].externals[external].symbol -= 1 }
            for hook in targets[index].hooks.indices { targets[index].hooks[hook].symbol -= 1 }
        }
        return targets
    }
}
