import ELF
import Glibc
import Linux
import LivePatch
import ProcessPatcher
import Testing

/// The first real-time signal, which C defines by a function.
let SIGRTMIN_VALUE = __libc_current_sigrtmin()

/// Applies to one victim.
func apply(
    _ patches: [PatchInput], _ victim: Victim, wait: Duration = .seconds(10), replace: Bool = false
) throws -> OperationReport {
    try ProcessPatcher.apply(
        patches, to: .processes([victim.pid]), ProcessPatcher.ApplyOptions(wait: wait, allowReplace: replace))
}

/// Takes out of one victim.
func undo(_ name: String, _ victim: Victim, wait: Duration = .seconds(10)) throws -> OperationReport {
    try ProcessPatcher.undo(PatchSelector(name), in: .processes([victim.pid]), wait: wait)
}

/// Ends the test with the whole report unless an operation was done.
func expectApplied(_ report: OperationReport, sourceLocation: SourceLocation = #_sourceLocation) throws {
    try #require(report.result == .applied, "\(report)", sourceLocation: sourceLocation)
}

/// Puts the parts of several targets into one object.
enum PatchParts {
    static func join(_ parts: [(PatchTarget, PatchObject)]) -> ([PatchTarget], PatchObject) {
        var targets: [PatchTarget] = []
        var joined = PatchObject()
        for (target, object) in parts {
            let (sections, symbols) = (joined.sections.count, joined.symbols.count)
            var moved = target
            moved.sections = target.sections.map { $0 + sections }
            for index in moved.functions.indices { moved.functions[index].replacement += symbols }
            for index in moved.externals.indices { moved.externals[index].symbol += symbols }
            targets.append(moved)
            for var section in object.sections {
                section.relocations = section.relocations.map {
                    Relocation(offset: $0.offset, type: $0.type, symbol: $0.symbol + symbols, addend: $0.addend)
                }
                joined.sections.append(section)
            }
            for var symbol in object.symbols {
                symbol.section = symbol.section.map { $0 + sections }
                joined.symbols.append(symbol)
            }
        }
        return (targets, joined)
    }
}
