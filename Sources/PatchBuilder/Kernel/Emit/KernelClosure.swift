// Which parts of the post objects go into the module, and which functions it replaces.
//
// Start: every function that changed and that the kernel has. A function is replaced by redirecting the call
// of the tracer at its entry, so one without that call can't be; its callers are replaced instead, and it comes
// along as their private copy. Then whatever the included code refers to:
//
//     new functions and data, strings, unnamed constants     come along
//     changed functions, called                              the new one
//     changed functions, their address taken                 the old one: it redirects, and outlives the patch
//     everything else                                        the kernel's own
//
// What a running kernel can't take over from the patch is refused by name: a changed constant that other code
// reads, a variable with another size or another start value, a function that ran only at the start.

import ELF
import Findings
import KernelImage

/// A function that the module replaces.
struct ReplacedKernelFunction: Equatable {
    let unit: Int
    let post: Int
    let pre: Int
    let address: UInt64
    /// Why it is replaced.
    let reason: String
}

struct KernelClosure {
    let units: [KernelPatchUnit]
    let resolver: KernelResolver
    /// Functions that the module replaces.
    var replaced: [ReplacedKernelFunction] = []
    /// Pieces in the order in which they were found.
    var pieces: [KernelPiece] = []
    /// Everything that stands in the way.
    var refusals: [BuildError] = []
    /// What the reader of the report should know.
    var notes: [String] = []
    /// Files with jump labels that can't come along, and the keys of those.
    var foreignKeys: [String: Set<String>] = [:]
    var known: Set<KernelPiece> = []
    /// Records of tables that come along.
    var records: [KernelRecord] = []
    var knownRecords: Set<KernelRecord> = []

    init(_ units: [KernelPatchUnit], _ resolver: KernelResolver) {
        self.units = units
        self.resolver = resolver
    }

    mutating func run() {
        findReplaced()
        for unit in units.indices { checkData(unit) }
        for function in replaced { include(unit: function.unit, entity: function.post) }
        for unit in units.indices { includeHooks(unit) }
        var next = 0
        repeat {
            while next < pieces.count {
                follow(pieces[next])
                next += 1
            }
            // Records of code that is new here may need more code, as alternatives do.
            collectRecords()
        } while next < pieces.count
    }

    mutating func refuse(_ unit: Int, _ entity: String, _ reason: String, remedy: String? = nil) {
        let error = BuildError(
            .kernelRefused, "\(entity) in \(units[unit].name): \(reason)",
            evidence: ["unit": units[unit].name, "entity": entity, "reason": reason], remedy: remedy)
        if !refusals.contains(error) { refusals.append(error) }
    }

    /// Whether a piece is in the module.
    func contains(_ piece: KernelPiece) -> Bool { known.contains(piece) }

    /// The piece in which an entity travels.
    func piece(unit: Int, entity: Int) -> KernelPiece {
        let found = units[unit].post.entities[entity]
        return KernelPiece(unit: unit, section: found.section, range: found.range)
    }

    mutating func include(unit: Int, entity: Int) {
        let piece = piece(unit: unit, entity: entity)
        if known.insert(piece).inserted { pieces.append(piece) }
    }
}
