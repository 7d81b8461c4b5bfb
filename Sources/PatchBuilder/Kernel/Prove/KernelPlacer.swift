import ELF
import KernelImage

/// Finds the entities of one object in the kernel or a module; see `KernelProof.swift`.
struct KernelPlacer {
    private let model: ObjectModel
    private let unit: String
    private let object: any KernelObject
    /// Functions found in the code of all candidates: entity → matches.
    private var candidates: [Int: [CodeMatch]] = [:]
    private var failures: [Int: CodeMismatch] = [:]
    private var bases: [Int: UInt64] = [:]
    private var addresses: [UInt64?]

    init(_ model: ObjectModel, unit: String, in object: any KernelObject) {
        self.model = model
        self.unit = unit
        self.object = object
        addresses = Array(repeating: nil, count: model.entities.count)
    }

    /// Places a plain object.
    static func place(_ model: ObjectModel, unit: String, in object: any KernelObject) -> KernelPlacement {
        var placer = KernelPlacer(model, unit: unit, in: object)
        return placer.run()
    }

    private mutating func run() -> KernelPlacement {
        let functions = model.entities.filter { $0.kind == .function && isLoaded($0) }
        for entity in functions { match(entity) }
        vote(functions)
        var proofs: [Int: FunctionProof] = [:]
        for entity in functions { proofs[entity.index] = decide(entity) }
        placeData(proofs)
        let checker = ReferenceChecker(model, addresses, object)
        for (index, proof) in proofs {
            guard case .proven(let match) = proof, let wrong = checker.firstWrong(match, model.entities[index])
            else {
                continue
            }
            proofs[index] = .mismatch(mismatch(model.entities[index], wrong))
            addresses[index] = nil
        }
        return KernelPlacement(addresses: addresses, functions: proofs)
    }

    private func isLoaded(_ entity: Entity) -> Bool {
        !model.sections[entity.section].name.hasPrefix(".discard") && entity.range.count > 0
    }

    private mutating func match(_ entity: Entity) {
        var found: [CodeMatch] = []
        var seen: Set<UInt64> = []
        for name in [entity.name] + entity.aliases {
            for symbol in object.symbols.named(name) where seen.insert(symbol.address).inserted {
                let linked = code(at: symbol.address, entity.range.count)
                var matcher = X86_64CodeMatcher(model, entity, linked: linked, address: symbol.address)
                do throws(CodeMismatch) {
                    let match = try matcher.match()
                    if namesAgree(match) {
                        found.append(match)
                    } else if failures[entity.index] == nil {
                        failures[entity.index] = wrongName(match, entity)
                    }
                } catch {
                    if failures[entity.index].map({ $0.offset < error.offset }) ?? true {
                        failures[entity.index] = error
                    }
                }
            }
        }
        candidates[entity.index] = found
    }

    /// The image's bytes at an address: as many as asked for and some more, as far as there are any.
    private func code(at address: UInt64, _ count: Int) -> [UInt8] {
        for slack in [64, 16, 0] {
            if let bytes = try? object.contents(at: address, count: UInt64(count + slack)) { return bytes.bytes }
        }
        return []
    }

    /// Whether references to other objects' symbols lead to symbols of their names.
    private func namesAgree(_ match: CodeMatch) -> Bool {
        match.references.allSatisfy { ReferenceChecker.isExternalRight($0, model, object) }
    }

    private func wrongName(_ match: CodeMatch, _ entity: Entity) -> CodeMismatch {
        let wrong = match.references.first { !ReferenceChecker.isExternalRight($0, model, object) }
        return CodeMismatch(
            offset: wrong.map { $0.reference.offset - entity.range.lowerBound } ?? 0, expected: [], found: [],
            reason: "it refers to another symbol than \(wrong.map { model.describe($0.reference.target) } ?? "")")
    }

    /// Takes for each section the base that most certain functions name.
    private mutating func vote(_ functions: [Entity]) {
        var votes: [Int: [UInt64: Int]] = [:]
        for entity in functions {
            // One vote of weight 2 outweighs a guess among several.
            let found = candidates[entity.index] ?? []
            for match in found {
                let base = match.address &- UInt64(entity.range.lowerBound)
                votes[entity.section, default: [:]][base, default: 0] += found.count == 1 ? 1000 : 1
            }
        }
        for (section, counts) in votes {
            guard let most = counts.values.max() else { continue }
            let best = counts.filter { $0.value == most }
            if best.count == 1, let base = best.first?.key { bases[section] = base }
        }
    }

    private mutating func decide(_ entity: Entity) -> FunctionProof {
        let found = candidates[entity.index] ?? []
        let expected = bases[entity.section].map { $0 &+ UInt64(entity.range.lowerBound) }
        if let match = found.first(where: { $0.address == expected }) {
            addresses[entity.index] = match.address
            return .proven(match)
        }
        if entity.binding == .weak { return .overridden }
        if let failure = failures[entity.index] { return .mismatch(mismatch(entity, failure)) }
        if found.isEmpty { return .absent }
        return .mismatch(
            KernelMismatch(
                unit: unit, function: entity.name, offset: 0, expected: "one place for the object's functions",
                found: "\(found.count) places", reason: "which of the functions of that name it is can't be told"))
    }

    /// Data lies where proven code says, and the rest of its section with it.
    private mutating func placeData(_ proofs: [Int: FunctionProof]) {
        var votes: [Int: [UInt64: Int]] = [:]
        for case .proven(let match) in proofs.values {
            for solved in match.references {
                guard case .entity(let target) = solved.reference.target,
                    case .address(let address) = solved.filling,
                    model.entities[target].kind == .data
                else { continue }
                let entity = model.entities[target]
                votes[entity.section, default: [:]][address &- UInt64(entity.range.lowerBound), default: 0] += 1
            }
        }
        // A variable whose name only one object can define lies where its name is.
        for entity in model.entities where entity.kind == .data && entity.binding == .global {
            guard let address = object.symbols.address(of: entity.name) else { continue }
            votes[entity.section, default: [:]][address &- UInt64(entity.range.lowerBound), default: 0] += 1000
        }
        for (section, counts) in votes where bases[section] == nil {
            bases[section] = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
        }
        for entity in model.entities where entity.kind == .data && addresses[entity.index] == nil {
            // A section of strings or constants is merged with others of its kind, so it has no base.
            guard !model.sections[entity.section].flags.contains(.merge) else { continue }
            addresses[entity.index] =
                bases[entity.section].map { $0 &+ UInt64(entity.range.lowerBound) }
                ?? (entity.isGlobal ? object.symbols.address(of: entity.name) : nil)
        }
    }

    private func mismatch(_ entity: Entity, _ failure: CodeMismatch) -> KernelMismatch {
        KernelMismatch(
            unit: unit, function: entity.name, offset: failure.offset, expected: hexadecimal(failure.expected),
            found: hexadecimal(failure.found), reason: failure.reason)
    }

    private func mismatch(_ entity: Entity, _ wrong: ReferenceChecker.Wrong) -> KernelMismatch {
        KernelMismatch(
            unit: unit, function: entity.name, offset: wrong.offset, expected: "reference to \(wrong.expected)",
            found: wrong.found, reason: "a reference leads elsewhere")
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
