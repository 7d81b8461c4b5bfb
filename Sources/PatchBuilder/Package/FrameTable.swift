import ELF
import Findings
import LivePatch

// Call frame information for the new functions, cut out of the post object's `.eh_frame` (LSB, "Exception
// Frames"): a chain of records, each with its length in front. A record with identifier 0 is a CIE, common
// facts; any other is an FDE for one function and gives the distance back to its CIE.
//
//     CIE  length 0 ...
//     FDE  length distance [pc-begin: .text.f] size ... [LSDA]
//
// Only the FDEs of included functions are kept, and the CIEs that they need; distances are written anew.
// There is no terminator: whoever loads several such sections lays them one behind the other.

/// One `.eh_frame` section of an object, as records.
struct FrameTable {
    /// One record with the relocations inside, offsets from the record's start.
    struct Record {
        var start: Int
        var bytes: [UInt8]
        var relocations: [Relocation]
        /// For an FDE, start of its CIE.
        var common: Int?

        /// For an FDE, the relocation of the field that names its function.
        var begin: Relocation? { common == nil ? nil : relocations.first { $0.offset == 8 } }
    }

    private(set) var records: [Record] = []
    let alignment: UInt64

    /// Cuts the object's section into records; none if it has no such section.
    init(_ file: ELFFile) throws(ELFError) {
        guard let section = file.sections.first(where: { $0.name == ".eh_frame" }) else {
            alignment = 8
            return
        }
        alignment = max(section.alignment, 1)
        let view = try file.rawContents(of: section)
        let relocations = try file.relocations(of: section).sorted { $0.offset < $1.offset }
        var at = 0
        while at + 8 <= view.count {
            let length = Int(try view.load(at, as: UInt32.self))
            // Length 0 ends the table; the 64-bit form is never made by compilers for x86-64.
            guard length >= 4, length != 0xffff_ffff else { break }
            let bytes = try view.slice(UInt64(at), UInt64(4 + length), "frame record").bytes
            let identifier = Int(try view.load(at + 4, as: UInt32.self))
            let inside = relocations.filter { $0.offset >= UInt64(at) && $0.offset < UInt64(at + bytes.count) }
                .map {
                    Relocation(offset: $0.offset - UInt64(at), type: $0.type, symbol: $0.symbol, addend: $0.addend)
                }
            records.append(
                Record(
                    start: at, bytes: bytes, relocations: inside,
                    common: identifier == 0 ? nil : at + 4 - identifier))
            at += bytes.count
        }
    }

    /// The records for the functions that `isIncluded` accepts by the symbol of their start, CIEs in front of
    /// their first use.
    func records(where isIncluded: (Relocation) -> Bool) -> [Record] {
        var kept: [Record] = []
        var places: [Int: Int] = [:]
        var size = 0
        for record in records {
            guard let common = record.common, let begin = record.begin, isIncluded(begin),
                let parent = records.first(where: { $0.start == common && $0.common == nil })
            else { continue }
            if places[common] == nil {
                places[common] = size
                kept.append(parent)
                size += parent.bytes.count
            }
            var moved = record
            let distance = UInt32(size + 4 - (places[common] ?? 0))
            for index in 0..<4 { moved.bytes[4 + index] = UInt8(truncatingIfNeeded: distance >> UInt32(8 * index)) }
            kept.append(moved)
            size += moved.bytes.count
        }
        return kept
    }
}

extension TargetAssembler {
    /// Adds one `.eh_frame` section for each unit that has included functions.
    mutating func addFrames() throws(ELFError) {
        for unit in units.indices {
            let model = units[unit].post
            let table = try FrameTable(model.file)
            let kept = table.records { begin in
                includedFunction(unit, begin) != nil
            }
            guard !kept.isEmpty else { continue }
            var section = PatchObject.Section(
                name: ".eh_frame", flags: .alloc, alignment: table.alignment, contents: [])
            for record in kept {
                let start = section.contents.count
                section.contents += record.bytes
                for relocation in record.relocations {
                    guard let moved = frameReference(unit, relocation, start) else {
                        // An unwind table that leads nowhere would end the program at the first exception.
                        refuse(
                            BuildError(
                                .objectUnsupported, "an unwind table of \(units[unit].name) leads to nothing known",
                                evidence: ["unit": units[unit].name, "offset": "\(start + Int(relocation.offset))"])
                        )
                        continue
                    }
                    section.relocations.append(moved)
                }
            }
            section.size = UInt64(section.contents.count)
            image.object.sections.append(section)
        }
    }

    /// The included function whose code a frame's first field names.
    private func includedFunction(_ unit: Int, _ begin: Relocation) -> Int? {
        guard case .entity(let entity) = units[unit].post.place(of: begin)?.target,
            symbol(unit: unit, entity: entity) != nil
        else { return nil }
        return entity
    }

    private mutating func frameReference(_ unit: Int, _ relocation: Relocation, _ start: Int) -> Relocation? {
        guard let reference = units[unit].post.place(of: relocation),
            case .success(let destination) = closure.destination(of: reference, unit: unit),
            let (symbol, base) = symbol(for: destination, .address)
        else { return nil }
        return Relocation(
            offset: UInt64(start) + relocation.offset, type: relocation.type, symbol: symbol,
            addend: reference.addend + base)
    }
}

extension ObjectModel {
    /// What a relocation of a data section means that isn't modelled: the entity and the offset into it.
    func place(of relocation: Relocation) -> Reference? {
        guard symbols.indices.contains(relocation.symbol) else { return nil }
        let symbol = symbols[relocation.symbol]
        var reference = Reference(
            offset: 0, type: relocation.type, symbol: relocation.symbol, target: .external(relocation.symbol),
            addend: relocation.addend)
        guard let index = symbol.sectionIndex else { return reference }
        let value = Int64(bitPattern: symbol.value).addingReportingOverflow(relocation.addend).partialValue
        let offset = Int(clamping: value)
        guard let section = sections.first(where: { $0.index == index }),
            let entity = section.entities.last(where: { entities[$0].range.lowerBound <= offset })
        else { return nil }
        reference.target = .entity(entity)
        reference.addend = Int64(offset - entities[entity].range.lowerBound)
        return reference
    }
}
