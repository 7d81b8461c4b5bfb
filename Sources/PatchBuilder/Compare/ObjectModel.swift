package import ELF

/// A relocatable object as a set of entities that refer to each other.
///
/// This is the form in which objects are compared, proven and packaged. It is independent of where the
/// compiler put what:
///
///     .text.f: e8 [f+1: PLT32 .text.g-4]        f calls entity g, addend -4
///     .rodata.str1.1: "no\0yes\0"               each referenced string is an entity, known by content
///     .rodata: 16 bytes of .LC0, 8 of .LC1      cut where code refers to it; the labels are gone
///
/// A relocation against a section symbol says only *section + number*. Which entity is meant follows from
/// where the number points once the processor's bias is taken out: a PC-relative field counts from the end
/// of the instruction, so `-4` points at the start of the section, and `-8` too if an immediate of four
/// bytes follows the field. ``ObjectReader`` decodes the instruction where this matters.
package struct ObjectModel: Sendable {
    /// Where it was read from, for messages.
    package var name: String
    /// The file's symbol table.
    package var symbols: [Symbol]
    /// Loadable sections, except unwind tables and notes.
    package var sections: [ObjectSection]
    /// All entities.
    package var entities: [Entity]
    /// For each symbol the entity in which it lies.
    package var entityOfSymbol: [Int?]
    /// The file itself, for the parts that are not modelled (`.eh_frame`, `.comment`).
    package var file: ELFFile
    /// Whether any function has handlers for exceptions.
    var hasExceptionTables = false

    /// Name of the source file as the compiler recorded it (`STT_FILE`).
    package var sourceName: String? { symbols.first { $0.type == .file && !$0.name.isEmpty }?.name }

    /// The entity's bytes with all reference fields zeroed; empty for zero-initialised data.
    package func bytes(_ entity: Entity) -> ArraySlice<UInt8> {
        let section = sections[entity.section]
        return section.contents.isEmpty ? [] : section.contents[entity.range]
    }

    /// The entity's references, offsets counted from the section's start.
    package func references(_ entity: Entity) -> ArraySlice<Reference> {
        sections[entity.section].references[entity.references]
    }

    /// Entities that have a symbol, by name; aliases included.
    package func entities(named name: String) -> [Entity] {
        entities.filter { $0.name == name || $0.aliases.contains(name) }
    }

    /// Name of what a reference is to, for people.
    package func describe(_ target: Reference.Target) -> String {
        switch target {
        case .external(let symbol): symbols[symbol].name
        case .absolute(let value): "0x" + String(value, radix: 16)
        case .unmodelled: "(not loaded)"
        case .entity(let index):
            switch entities[index].kind {
            case .literal: "string " + text(of: entities[index])
            case .anonymous: "unnamed bytes in " + sections[entities[index].section].name
            default: entities[index].name
            }
        }
    }

    /// A literal as text, quoted and cut after 40 characters.
    package func text(of literal: Entity) -> String {
        let text = String(decoding: bytes(literal).prefix { $0 != 0 }.prefix(40), as: UTF8.self)
        return "\"" + text.map { $0.isNewline ? "\\n" : String($0) }.joined() + "\""
    }
}
