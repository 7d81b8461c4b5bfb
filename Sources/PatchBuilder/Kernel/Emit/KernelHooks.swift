// What a fix may bring along besides code: functions to run when it is applied or undone, and the versions of
// the states that it leaves behind. The fix declares them with the macros of `tsugite-kernel.h`, which put
// pointers and numbers into sections of their own:
//
//     .tsugite.pre_patch, .tsugite.post_patch, .tsugite.pre_unpatch, .tsugite.post_unpatch
//                                 one pointer to a function for each object (kernel or module)
//     .tsugite.states             pairs of 64-bit identifier and 64-bit version

import ELF
import Findings
import KernelImage

enum KernelHooks {
    static let prefix = ".tsugite."

    /// The callbacks of the kernel's live patching, by the names of its own structure's members.
    static let callbacks = ["pre_patch", "post_patch", "pre_unpatch", "post_unpatch"]

    /// A function to be called, as entity of a unit's post object.
    struct Callback: Equatable {
        let unit: Int
        let entity: Int
    }

    /// A version of a state that outlives the patch.
    struct State: Equatable {
        let id: UInt64
        let version: UInt32
    }

    /// The callback of a kind for an object; more than one is refused.
    static func callback(_ kind: String, object: String, _ units: [KernelPatchUnit]) throws(BuildError) -> Callback?
    {
        var found: Callback?
        for (index, unit) in units.enumerated() where unit.object.name == object {
            for section in unit.post.sections where section.name == prefix + kind {
                for reference in section.references {
                    guard case .entity(let entity) = reference.target else { continue }
                    guard found == nil else {
                        throw BuildError(
                            .kernelRefused, "\(object) has two callbacks \(kind)",
                            evidence: ["object": object, "unit": unit.name])
                    }
                    found = Callback(unit: index, entity: entity)
                }
            }
        }
        return found
    }

    /// All states that the units declare.
    static func states(_ units: [KernelPatchUnit]) -> [State] {
        units.flatMap { unit in
            unit.post.sections.filter { $0.name == prefix + "states" }.flatMap { section in
                stride(from: 0, through: section.contents.count - 16, by: 16).map { at in
                    State(
                        id: number(section.contents, at),
                        version: UInt32(truncatingIfNeeded: number(section.contents, at + 8)))
                }
            }
        }
    }

    private static func number(_ bytes: [UInt8], _ at: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
    }
}
