import ELF
import Findings

// The last link of the proof: the functions compiled for comparing (with function sections) are those that
// the build linked (without). Every changed function must be found at its place, and what the linker filled
// into it must be what the symbols say.
//
// Two things are learnt on the way. A local function may have no symbol in the linked file (`-Wl,-x`): then
// its code is searched among the functions that the unwind index names. And where a local variable has no
// symbol, the code that uses it tells its place.
//
// An inline function of C++ is compiled in many units and linked once; copies of other units may differ from
// the linked one in details (flags), so it is enough if one unit's copy is found.

/// Proves the changed functions of all units of one target.
struct UnitProof {
    private let placer: UnitPlacer
    private let target: ProvenTarget
    private var refusals: [BuildError] = []
    /// Weak functions whose copy in some unit isn't the linked one, with the reason.
    private var misses: [String: BuildError] = [:]
    private var found: Set<String> = []

    /// Checks, and completes the units' placements; returns what stands in the way.
    static func prove(_ units: inout [PatchUnit], _ placer: UnitPlacer, _ target: ProvenTarget) -> [BuildError] {
        var proof = UnitProof(placer: placer, target: target)
        for index in units.indices {
            proof.search(&units[index])
            proof.prove(&units[index])
        }
        let missing = proof.misses.filter { !proof.found.contains($0.key) }
        return proof.refusals + missing.sorted { $0.key < $1.key }.map(\.value)
    }

    private init(placer: UnitPlacer, target: ProvenTarget) {
        self.placer = placer
        self.target = target
    }

    /// Looks for changed functions without symbol by their code.
    private mutating func search(_ unit: inout PatchUnit) {
        let wanted = unit.changedFunctions.filter { unit.placement.addresses[$0.index] == nil }
        guard !wanted.isEmpty else { return }
        let named = Set(placer.map.functions().map(\.address))
        let unnamed = ((try? FrameIndex(placer.file).functions) ?? []).filter { !named.contains($0.address) }
        for entity in wanted {
            let places = unnamed.compactMap { candidate -> (UInt64, CodeMatch)? in
                guard abs(Int(clamping: candidate.size) - entity.range.count) <= 64,
                    case .success(let match) = placer.match(unit.pre, entity, at: candidate.address)
                else { return nil }
                return (candidate.address, match)
            }
            if places.count == 1 {
                unit.placement.addresses[entity.index] = places[0].0
                unit.placement.matches[entity.index] = .success(places[0].1)
            } else if places.count > 1 {
                refusals.append(
                    BuildError(
                        .proofCompile,
                        "\(entity.name) has no symbol in the target, and \(places.count) functions look like it",
                        evidence: [
                            "function": entity.name, "unit": unit.name,
                            "places": places.map { hex($0.0) }.joined(separator: ", "),
                        ]))
            }
        }
    }

    private mutating func prove(_ unit: inout PatchUnit) {
        for entity in unit.changedFunctions {
            let index = entity.index
            guard let address = unit.placement.addresses[index] else { continue }
            if let mismatch = target.mismatch(ofFunctionAt: address) {
                refusals.append(error(.proofFunction, unit, entity, address, mismatch))
                continue
            }
            let result = unit.placement.matches[index] ?? placer.match(unit.pre, entity, at: address)
            unit.placement.matches[index] = result
            switch result {
            case .failure(let mismatch) where entity.binding == .weak:
                misses[entity.name] = error(.proofCompile, unit, entity, address, mismatch)
                unit.placement.addresses[index] = nil
            case .failure(let mismatch):
                refusals.append(error(.proofCompile, unit, entity, address, mismatch))
            case .success(let match):
                found.insert(entity.name)
                if let error = unit.check(match, of: entity, placer) { refusals.append(error) }
            }
        }
    }

    private func error(
        _ code: FindingCode, _ unit: PatchUnit, _ entity: Entity, _ address: UInt64, _ mismatch: CodeMismatch
    ) -> BuildError {
        let what =
            code == .proofFunction
            ? "\(entity.name) in the shipped target isn't what this tree builds"
            : "\(entity.name), compiled for comparing, isn't what the build linked"
        return BuildError(
            code, what,
            evidence: [
                "function": entity.name, "unit": unit.name, "address": hex(address), "cause": target.likelyCause,
            ]
        ).adding(mismatch)
    }
}

extension PatchUnit {
    /// Functions of the pre object that the patch replaces, cold parts included.
    fileprivate var changedFunctions: [Entity] {
        comparison.functions.filter { $0.status != .removed }.compactMap { change in
            change.pre.map { pre.entities[$0] }
        }
    }

    /// Compares what the linker filled in with where things are.
    fileprivate mutating func check(_ match: CodeMatch, of function: Entity, _ placer: UnitPlacer) -> BuildError? {
        for solved in match.references {
            guard case .entity(let index) = solved.reference.target, case .address(let found) = solved.filling
            else {
                continue
            }
            let entity = pre.entities[index]
            guard !entity.isGlobal, entity.type != .gnuIFunc else { continue }
            let isSame: Bool
            switch entity.kind {
            case .literal:
                let expected = pre.bytes(entity)
                let bytes = try? placer.file.contents(atAddress: found, count: UInt64(expected.count)).bytes
                isSame = bytes.map { $0[...] == expected } ?? false
            case .anonymous, .threadLocal: isSame = true
            case .function, .data:
                isSame = placement.addresses[index].map { $0 == found } ?? true
                placement.addresses[index] = found
            }
            if !isSame {
                return BuildError(
                    .proofCompile, "\(function.name) refers to another \(pre.describe(solved.reference.target))",
                    evidence: [
                        "function": function.name, "unit": name,
                        "offset": hex(UInt64(solved.reference.offset - function.range.lowerBound)),
                        "found": hex(found),
                    ])
            }
        }
        return nil
    }
}

extension ProvenTarget {
    /// What most likely made the shipped file another one.
    var likelyCause: String {
        let here = (try? rebuilt.compilers()) ?? []
        let there = (try? shipped.compilers()) ?? []
        if there.isEmpty { return "other flags, another compiler or another source (the target names no compiler)" }
        if here == there {
            return "other flags or another source; the compiler is the same (\(here.joined(separator: "; ")))"
        }
        return
            "another compiler: target by \(there.joined(separator: "; ")), rebuilt by \(here.joined(separator: "; "))"
    }
}
