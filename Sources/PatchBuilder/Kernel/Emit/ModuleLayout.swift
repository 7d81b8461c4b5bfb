// Where each piece of the post objects and each record of a table goes in the module.
//
//     .text .altinstr_replacement     included functions, code of alternatives; then the module's own start and end
//     .rodata .data .bss              strings and constants, new variables, new variables that are zero
//     __bug_table .smp_locks ...      the records about the code in .text, one section for each table
//
// Fields keep their meaning by name, not by place: they are written down as fixups and become relocations at the end.

import ELF
import KernelImage

struct ModuleLayout {
    let closure: KernelClosure
    var areas: [String: ModuleArea] = [:]
    /// Areas in order of their first use.
    private(set) var order: [String] = []
    private var places: [KernelPiece: (area: String, offset: Int)] = [:]
    /// Functions and variables of the module: name, area, offset, size, whether code.
    private(set) var symbols: [(name: String, area: String, offset: Int, size: Int, isCode: Bool)] = []

    init(_ closure: KernelClosure) {
        self.closure = closure
        for piece in closure.pieces { place(piece) }
        for piece in closure.pieces { fix(piece) }
        for record in closure.records { add(record) }
    }

    /// The area of that name, made with these flags if it isn't there.
    mutating func open(_ name: String, _ flags: SectionFlags, isZero: Bool = false) {
        guard areas[name] == nil else { return }
        areas[name] = ModuleArea(name, flags, isZero: isZero)
        order.append(name)
    }

    /// Adds bytes to an area; answers where they are.
    mutating func add(_ bytes: some Collection<UInt8>, to name: String, alignment: Int) -> Int {
        areas[name]?.add(bytes, alignment: alignment) ?? 0
    }

    /// Adds a fixup to an area.
    mutating func fix(
        _ area: String, _ offset: Int, _ type: X86_64Relocation, _ target: ModuleArea.Target, _ addend: Int64 = 0,
        object: String = "vmlinux"
    ) {
        areas[area]?.fixups.append(
            ModuleArea.Fixup(
                offset: offset, type: type.rawValue, target: target, addend: addend, object: object))
    }

    /// Where an entity of a post object is in the module.
    func place(unit: Int, entity: Int) -> ModuleArea.Target? {
        guard let found = places[closure.piece(unit: unit, entity: entity)] else { return nil }
        return .area(found.area, found.offset)
    }
}

extension ModuleLayout {
    private mutating func place(_ piece: KernelPiece) {
        let model = closure.units[piece.unit].post
        let section = model.sections[piece.section]
        let (name, flags, isZero) = Self.area(for: section)
        open(name, flags, isZero: isZero)
        let alignment = Int(clamping: min(section.alignment, 4096))
        let offset =
            isZero
            ? areas[name]?.reserve(piece.range.count, alignment: alignment) ?? 0
            : add(
                section.contents.isEmpty
                    ? ArraySlice(repeating: 0, count: piece.range.count) : section.contents[piece.range],
                to: name, alignment: section.isStrings ? 1 : alignment)
        places[piece] = (name, offset)
        for index in section.entities where model.entities[index].range == piece.range {
            let entity = model.entities[index]
            guard !entity.name.isEmpty else { continue }
            symbols.append((entity.name, name, offset, piece.range.count, section.isCode))
        }
    }

    private static func area(for section: ObjectSection) -> (String, SectionFlags, isZero: Bool) {
        if section.isCode {
            let isAlternative = section.name == ".altinstr_replacement"
            return (isAlternative ? section.name : ".text", [.alloc, .execinstr], false)
        }
        // The loader registers debug messages by this section.
        if section.name == "__dyndbg" { return (section.name, [.alloc, .write], false) }
        if section.flags.contains(.write) {
            return section.contents.isEmpty
                ? (".bss", [.alloc, .write], true) : (".data", [.alloc, .write], false)
        }
        return (".rodata", [.alloc], false)
    }

    private mutating func fix(_ piece: KernelPiece) {
        guard let (area, start) = places[piece] else { return }
        let unit = closure.units[piece.unit]
        let section = unit.post.sections[piece.section]
        let from = section.references.firstIndex(from: piece.range.lowerBound)
        let to = section.references.firstIndex(from: piece.range.upperBound)
        for reference in section.references[from..<to] {
            let offset = start + reference.offset - piece.range.lowerBound
            fix(area, offset, reference, unit: piece.unit, from: piece)
        }
    }

    private mutating func fix(
        _ area: String, _ offset: Int, _ reference: Reference, unit: Int, from piece: KernelPiece?
    ) {
        guard case .success(let destination) = closure.destination(of: reference, unit: unit, from: piece) else {
            return
        }
        var target = ModuleArea.Target.outside(destination)
        if case .included(let other, let entity) = destination, let place = place(unit: other, entity: entity) {
            target = place
        }
        areas[area]?.fixups.append(
            ModuleArea.Fixup(
                offset: offset, type: reference.type, target: target, addend: reference.addend,
                object: closure.units[unit].object.name))
    }

    private mutating func add(_ record: KernelRecord) {
        let model = closure.units[record.unit].post
        let reader = KernelRecordReader(model, record.section, record.table)
        let section = model.sections[record.section]
        open(record.table.section, section.flags.intersection([.alloc, .write]))
        // Records follow one another without gaps.
        let start = add(reader.bytes(record.at), to: record.table.section, alignment: 1)
        raise(record.table.section, section.alignment)
        for reference in reader.references(record.at) {
            fix(record.table.section, start + reference.offset - record.at, reference, unit: record.unit, from: nil)
        }
        if case .paired(let other) = record.table.policy, let bytes = reader.pairedBytes(record.at) {
            open(other, [.alloc])
            _ = add(bytes, to: other, alignment: 1)
        }
    }

    private mutating func raise(_ area: String, _ alignment: UInt64) {
        guard let known = areas[area]?.alignment, known < alignment else { return }
        areas[area]?.alignment = alignment
    }
}
