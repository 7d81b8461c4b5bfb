import ELF

// Position-independent digests: one number per entity, equal if nothing but positions differ.
//
// The digest runs over the bytes with fields masked and over the references, where a target counts by what
// it is, not by where: a named entity by its name without the compiler's numbers, a literal by its text,
// an anonymous one by its own digest, an external by its name. Equal digests make candidates; every claim
// of equality that ends up in a patch is checked byte by byte afterwards, so the digest may be short.

/// 64-bit digests of all entities of one object.
struct EntityDigests {
    private(set) var values: [UInt64]
    /// Hash of each entity's name without numbers; 0 where there is none.
    let keys: [UInt64]
    /// All of ``keys``.
    let keySet: Set<UInt64>
    /// Whether the compiler chose any of the name.
    let isDerived: [Bool]

    init(_ model: ObjectModel) {
        let names = model.entities.map { $0.name.isEmpty ? nil : $0.parsedName }
        keys = names.map { $0.map { Mix.hash($0.key) } ?? 0 }
        keySet = Set(keys)
        isDerived = names.map { $0?.isDerived ?? false }
        values = Array(repeating: 0, count: model.entities.count)
        // Literals and constants first: others are made of them.
        for entity in model.entities where entity.kind == .literal { values[entity.index] = leaf(model, entity) }
        for entity in model.entities where entity.kind == .anonymous {
            values[entity.index] = digest(model, entity, depth: 0)
        }
        for entity in model.entities where entity.kind != .literal && entity.kind != .anonymous {
            values[entity.index] = digest(model, entity, depth: 0)
        }
    }

    private func leaf(_ model: ObjectModel, _ entity: Entity) -> UInt64 {
        var mix = Mix()
        mix.add(model.bytes(entity))
        return mix.value
    }

    private func digest(_ model: ObjectModel, _ entity: Entity, depth: Int) -> UInt64 {
        var mix = Mix()
        mix.add(UInt64(entity.kind == .anonymous ? 0 : entity.range.count))
        mix.add(entity.kind == .anonymous ? model.bytes(entity).trimmed : model.bytes(entity))
        for reference in model.references(entity) {
            mix.add(UInt64(bitPattern: Int64(reference.offset - entity.range.lowerBound)))
            mix.add(UInt64(reference.type))
            mix.add(UInt64(bitPattern: reference.addend))
            mix.add(token(model, reference.target, depth: depth))
        }
        return mix.value
    }

    private func token(_ model: ObjectModel, _ target: Reference.Target, depth: Int) -> UInt64 {
        switch target {
        case .absolute(let value): return value
        case .unmodelled: return 1
        case .external(let symbol): return Mix.hash(model.symbols[symbol].name)
        case .entity(let index):
            let entity = model.entities[index]
            switch entity.kind {
            case .literal: return values[index]
            case .anonymous:
                if values[index] != 0 { return values[index] }
                // Anonymous data that points to anonymous data; compilers nest this a level or two.
                return depth < 4 ? digest(model, entity, depth: depth + 1) : 2
            default: return keys[index]
            }
        }
    }
}

extension ArraySlice<UInt8> {
    /// Without the zeros at the end, which may be the alignment of what follows.
    var trimmed: ArraySlice<UInt8> {
        var end = endIndex
        while end > startIndex, self[end - 1] == 0 { end -= 1 }
        return self[startIndex..<end]
    }
}

/// A fast mixing of words: multiply, fold; not for protection against anybody.
struct Mix {
    private(set) var value: UInt64 = 0x9e37_79b9_7f4a_7c15

    mutating func add(_ word: UInt64) {
        let product = (value ^ word).multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
        value = product.high ^ product.low &+ 0x2545_f491_4f6c_dd1d
    }

    mutating func add(_ bytes: ArraySlice<UInt8>) {
        var word: UInt64 = 0
        var filled = 0
        for byte in bytes {
            word = word << 8 | UInt64(byte)
            filled += 1
            if filled == 8 {
                add(word)
                (word, filled) = (0, 0)
            }
        }
        add(word)
        add(UInt64(bytes.count))
    }

    static func hash(_ text: String) -> UInt64 {
        var mix = Mix()
        mix.add(ArraySlice(Array(text.utf8)))
        return mix.value
    }
}
