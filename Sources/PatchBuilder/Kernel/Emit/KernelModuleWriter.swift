// From the laid out module to the file that insmod takes.
//
// References to the kernel come in three kinds. What the kernel exports is an ordinary undefined symbol with a
// checksum in `__versions`. Everything else is reached by a livepatch relocation: a symbol
// `.klp.sym.OBJECT.NAME,POSITION` with the index that is reserved for them, from a table
// `.klp.rela.OBJECT.SECTION` that the kernel applies when OBJECT is there (Documentation/livepatch/module-elf-format).
// So no address is in the file, and it fits wherever the kernel was put. Tables named for the kernel proper are
// applied first, before the module's own tables are read; references from a patched module to the kernel
// therefore always stand in those.

import ELF
import Findings
import KernelImage
import LivePatch

struct KernelModuleWriter {
    /// What every module of this kernel has alike.
    struct Frame {
        /// The kernel's types.
        let types: BTF
        /// A module of this kernel: version magic and the structure's alignment are copied from it.
        let sample: ModuleFile
        /// What is exported, with checksums.
        let exports: ExportTable
    }

    private let frame: Frame
    private let description: KernelPatch
    private var layout: ModuleLayout
    private var object = ObjectWriter(machine: .x86_64)
    private var sections: [String: ObjectWriter.SectionID] = [:]
    private var outside: [KernelDestination: ObjectWriter.SymbolID] = [:]
    private var tables: [String: ObjectWriter.TableID] = [:]

    private static let reservedIndex: UInt16 = 0xff20
    private static let livePatchFlag = SectionFlags(rawValue: 0x10_0000)

    init(_ layout: ModuleLayout, frame: Frame, description: KernelPatch) {
        self.layout = layout
        self.frame = frame
        self.description = description
    }

    /// Writes the module.
    /// - Parameter patch: where the `klp_patch` structure is.
    mutating func write(patch: ModuleArea.Target, diff: [UInt8]) throws(KernelImageError) -> [UInt8] {
        let (start, end) = addStartAndEnd(patch)
        try addThisModule(start, end)
        for name in layout.order { addSection(name) }
        for symbol in layout.symbols { addSymbol(symbol) }
        for name in layout.order { addRelocations(name) }
        addInformation()
        addVersions()
        _ = object.addSection(
            KernelPatch.noteSection, type: .note, flags: [.alloc], alignment: 4, contents: description.note)
        _ = object.addSection(
            KernelPatch.section, type: .progbits, flags: [], alignment: 1, contents: description.encoded)
        _ = object.addSection(".tsugite.diff", type: .progbits, flags: [], alignment: 1, contents: diff)
        return object.encode().bytes
    }

    /// The module's first and last code: `init_module` hands the patch over, `cleanup_module` returns.
    private mutating func addStartAndEnd(_ patch: ModuleArea.Target) -> (start: Int, end: Int) {
        layout.open(".text", [.alloc, .execinstr])
        // endbr64; mov $patch, %rdi; jmp klp_enable_patch; int3
        let start = layout.add(
            [0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0xc7, 0xc7, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0, 0xcc], to: ".text",
            alignment: 16)
        layout.fix(".text", start + 7, .abs32s, patch)
        layout.fix(".text", start + 12, .plt32, .outside(.export("klp_enable_patch")), -4)
        let end: Int
        if frame.exports["__x86_return_thunk"] != nil {
            end = layout.add(
                [0xf3, 0x0f, 0x1e, 0xfa, 0xe9, 0, 0, 0, 0, 0xcc], to: ".text", alignment: 16)
            layout.fix(".text", end + 5, .plt32, .outside(.export("__x86_return_thunk")), -4)
        } else {
            end = layout.add([0xf3, 0x0f, 0x1e, 0xfa, 0xc3, 0xcc], to: ".text", alignment: 16)
        }
        return (start, end)
    }

    private mutating func addThisModule(_ start: Int, _ end: Int) throws(KernelImageError) {
        let structure = try StructLayout("module", in: frame.types)
        let sample = try frame.sample.moduleStructure()
        guard structure.size == sample.size else {
            throw KernelImageError(.missing("struct module of \(sample.size) bytes, as its modules have it"))
        }
        let area = Self.thisModule
        layout.open(area, [.alloc, .write])
        var bytes = [UInt8](repeating: 0, count: structure.size)
        let nameAt = try structure.offset("name")
        for (index, byte) in description.module.utf8.prefix(55).enumerated() { bytes[nameAt + index] = byte }
        _ = layout.add(bytes, to: area, alignment: Int(clamping: max(sample.alignment, 8)))
        // A module that can't be unloaded has no end, and one without a start no start.
        let initOffset = try structure.offset("init")
        let exitOffset = try structure.offset("exit")
        layout.fix(area, sample.initOffset ?? initOffset, .abs64, .area(".text", start))
        layout.fix(area, sample.exitOffset ?? exitOffset, .abs64, .area(".text", end))
    }

    private static let thisModule = ".gnu.linkonce.this_module"

    private mutating func addSection(_ name: String) {
        guard let area = layout.areas[name] else { return }
        sections[name] =
            area.isZero
            ? object.addSpace(name, flags: area.flags, alignment: area.alignment, size: UInt64(area.size))
            : object.addSection(
                name, type: .progbits, flags: area.flags, alignment: area.alignment, contents: area.contents)
    }

    private mutating func addSymbol(_ symbol: (name: String, area: String, offset: Int, size: Int, isCode: Bool)) {
        guard let section = sections[symbol.area] else { return }
        _ = object.addSymbol(
            symbol.name, value: UInt64(symbol.offset), size: UInt64(symbol.size),
            type: symbol.isCode ? .function : .object, binding: .local, place: .section(section))
    }

    private mutating func addRelocations(_ name: String) {
        guard let area = layout.areas[name], let section = sections[name] else { return }
        for fixup in area.fixups { add(fixup, section, name) }
    }

    private mutating func add(_ fixup: ModuleArea.Fixup, _ section: ObjectWriter.SectionID, _ name: String) {
        let offset = UInt64(fixup.offset)
        switch fixup.target {
        case .area(let area, let start):
            guard let target = sections[area] else { return }
            object.addRelocation(
                in: section, offset: offset, type: fixup.type, symbol: object.addSectionSymbol(target),
                addend: fixup.addend + Int64(start))
        case .thisModule:
            guard let target = sections[Self.thisModule] else { return }
            object.addRelocation(
                in: section, offset: offset, type: fixup.type, symbol: object.addSectionSymbol(target), addend: 0)
        case .outside(let destination):
            let symbol = self.symbol(destination)
            guard case .symbol(let owner, _, _) = destination else {
                object.addRelocation(
                    in: section, offset: offset, type: fixup.type, symbol: symbol, addend: fixup.addend)
                return
            }
            let table = table(owner == "vmlinux" ? owner : fixup.object, section, name)
            object.addRelocation(in: table, offset: offset, type: fixup.type, symbol: symbol, addend: fixup.addend)
        }
    }

    private mutating func table(_ owner: String, _ section: ObjectWriter.SectionID, _ name: String)
        -> ObjectWriter.TableID
    {
        let full = ".klp.rela.\(owner).\(name)"
        if let known = tables[full] { return known }
        let table = object.addRelocationTable(full, for: section, flags: [.alloc, Self.livePatchFlag])
        tables[full] = table
        return table
    }

    private mutating func symbol(_ destination: KernelDestination) -> ObjectWriter.SymbolID {
        if let known = outside[destination] { return known }
        let symbol: ObjectWriter.SymbolID
        switch destination {
        case .symbol(let owner, let name, let position):
            symbol = object.addSymbol(
                ".klp.sym.\(owner).\(name),\(position)", place: .reserved(Self.reservedIndex))
        case .export(let name): symbol = object.addSymbol(name, place: .undefined)
        // Included things are in an area; this isn't reached.
        case .included: symbol = object.addSymbol("", place: .undefined)
        }
        outside[destination] = symbol
        return symbol
    }
}

// MARK: - what the loader reads

extension KernelModuleWriter {
    private mutating func addInformation() {
        var pairs = [
            ("license", "GPL"), ("description", "live patch \(description.name)"), ("livepatch", "Y"),
            ("depends", ""),
            ("name", description.module), ("vermagic", frame.sample.versionMagic ?? ""),
        ]
        // Modules that were built without the kernel's protections say so by not having this.
        if let retpoline = frame.sample.info("retpoline") { pairs.append(("retpoline", retpoline)) }
        var bytes: [UInt8] = []
        for (key, value) in pairs { bytes += Array("\(key)=\(value)".utf8) + [0] }
        _ = object.addSection(".modinfo", type: .progbits, flags: [.alloc], alignment: 1, contents: bytes)
    }

    /// One entry of 64 bytes for each imported symbol: the checksum as a long, then the name.
    private mutating func addVersions() {
        guard frame.sample.file.section(named: "__versions") != nil else { return }
        var names = Set(["module_layout"])
        for case .export(let name) in outside.keys { names.insert(name) }
        var bytes: [UInt8] = []
        for name in names.sorted() {
            guard let crc = frame.exports[name]?.crc else { continue }
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: UInt64(crc) >> shift))
            }
            let text = Array(name.utf8.prefix(55))
            bytes += text + [UInt8](repeating: 0, count: 56 - text.count)
        }
        _ = object.addSection("__versions", type: .progbits, flags: [.alloc], alignment: 32, contents: bytes)
    }
}
