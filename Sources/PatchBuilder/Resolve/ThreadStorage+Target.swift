package import ELF
import Findings
package import LivePatch

extension Resolver {
    /// How the target's thread-local block is found, for a patch that refers to variables in it.
    ///
    /// An executable's block ends at the thread pointer (TLS variant II), its size rounded up to its
    /// alignment. A shared object's is known to the loader only; slots that the loader fills for the
    /// original code tell.
    package func threadStorage(of file: ELFFile) -> Result<ThreadStorage, BuildError> {
        guard let segment = file.segments.first(where: { $0.type == .tls }) else {
            return .failure(
                BuildError(
                    .symbolUnresolved, "the target has no thread-local variables",
                    evidence: ["kind": "thread-local"]))
        }
        if !imports.isInterposable {
            let alignment = max(segment.alignment, 1)
            let size = segment.memorySize.addingReportingOverflow(alignment - 1)
            guard !size.overflow else {
                return .failure(BuildError(.symbolUnresolved, "the target's TLS segment has no sane size"))
            }
            return .success(.executable(blockSize: size.partialValue / alignment * alignment))
        }
        let own = imports.threadSlots.filter { $0.variable != nil }
        let module = own.first { $0.type == .dtpmod64 }?.address
        let offset = own.first { $0.type == .tpoff64 }
        guard module != nil || offset != nil else {
            return .failure(
                BuildError(
                    .symbolUnresolved,
                    "the target has no slot from which its thread-local block could be found",
                    evidence: ["kind": "thread-local", "descriptors": "\(own.count { $0.type == .tlsdesc })"]))
        }
        return .success(.slots(module: module, offset: offset?.address, variable: offset?.variable ?? 0))
    }
}
