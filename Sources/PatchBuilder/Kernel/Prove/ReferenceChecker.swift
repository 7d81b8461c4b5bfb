import ELF
import KernelImage

/// Whether each reference of code that was found in an image leads to what the object means by it.
struct ReferenceChecker {
    private let model: ObjectModel
    private let addresses: [UInt64?]
    private let object: any KernelObject

    init(_ model: ObjectModel, _ addresses: [UInt64?], _ object: any KernelObject) {
        self.model = model
        self.addresses = addresses
        self.object = object
    }

    /// A reference that leads elsewhere.
    struct Wrong {
        /// Offset into the function, in bytes.
        let offset: Int
        let expected: String
        let found: String
    }

    /// The first reference of a match that is wrong.
    func firstWrong(_ match: CodeMatch, _ entity: Entity) -> Wrong? {
        for solved in match.references {
            guard case .address(let address) = solved.filling, !isRight(solved.reference.target, address, solved)
            else { continue }
            return Wrong(
                offset: solved.reference.offset - entity.range.lowerBound,
                expected: model.describe(solved.reference.target), found: describe(address))
        }
        return nil
    }

    /// Whether a reference to a symbol of another object leads to one; true for all other references.
    static func isExternalRight(_ solved: SolvedReference, _ model: ObjectModel, _ object: any KernelObject) -> Bool
    {
        guard case .external(let symbol) = solved.reference.target, case .address(let address) = solved.filling,
            model.symbols.indices.contains(symbol)
        else { return true }
        let found = model.symbols[symbol]
        if found.binding == .weak, address == 0 { return true }
        if object.importedAddress(of: found.name) == address { return true }
        return object.symbols.named(found.name).contains { isSame($0.address, address, solved.reference.type) }
    }

    /// Fields of 32 bits hold the low half of an address.
    private static func isSame(_ one: UInt64, _ other: UInt64, _ type: UInt32) -> Bool {
        one == other
            || ReferenceForm.width(type) == 4
                && UInt32(truncatingIfNeeded: one) == UInt32(truncatingIfNeeded: other)
    }

    private func isRight(_ target: Reference.Target, _ address: UInt64, _ solved: SolvedReference) -> Bool {
        switch target {
        case .external: return Self.isExternalRight(solved, model, object)
        case .absolute(let value): return Self.isSame(value, address, solved.reference.type)
        case .unmodelled: return false
        case .entity(let index): return isRight(model.entities[index], address, solved.reference.type)
        }
    }

    private func isRight(_ entity: Entity, _ address: UInt64, _ type: UInt32) -> Bool {
        switch entity.kind {
        case .literal, .anonymous: return isContent(entity, address)
        default: break
        }
        if let known = addresses[entity.index], Self.isSame(known, address, type) { return true }
        // Global and weak ones are reached by name: another object's may have replaced this one's.
        if entity.isGlobal {
            return ([entity.name] + entity.aliases).contains { name in
                object.symbols.named(name).contains { Self.isSame($0.address, address, type) }
            }
        }
        return addresses[entity.index] == nil && isNamed(entity, address, type)
    }

    /// A local entity whose place isn't known otherwise: the image has a symbol of its name there, or equal
    /// constant bytes.
    private func isNamed(_ entity: Entity, _ address: UInt64, _ type: UInt32) -> Bool {
        object.symbols.named(entity.name).contains { Self.isSame($0.address, address, type) }
            || !model.sections[entity.section].isWritable && isContent(entity, address)
    }

    /// Whether the image has the entity's bytes at an address, outside of references.
    private func isContent(_ entity: Entity, _ address: UInt64) -> Bool {
        let expected = Array(model.bytes(entity))
        if expected.isEmpty { return true }
        guard let found = try? object.contents(at: address, count: UInt64(expected.count)) else { return false }
        var bytes = found.bytes
        for reference in model.references(entity) {
            let start = reference.offset - entity.range.lowerBound
            let end = min(start + ReferenceForm.width(reference.type), bytes.count)
            for index in start..<max(end, start) { bytes[index] = 0 }
        }
        return bytes == expected
    }

    private func describe(_ address: UInt64) -> String {
        let text = "0x" + String(address, radix: 16)
        guard let (symbol, offset) = object.symbols.containing(address) else { return text }
        return text + " (\(symbol.name)" + (offset == 0 ? ")" : "+0x\(String(offset, radix: 16)))")
    }
}
