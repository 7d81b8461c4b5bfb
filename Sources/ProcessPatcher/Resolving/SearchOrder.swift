import ELF
import Findings
import Linux

/// The order in which the dynamic linker searches the modules of a process.
///
/// It is the order of the list that the dynamic linker keeps for debuggers (`r_debug`, link.h), which the
/// executable's dynamic section points to: the executable, then what it needs, breadth first, then what was loaded
/// later. A static program has no list, and one module.
enum SearchOrder {
    private static let longest = 4096

    /// The modules in search order; those that the list doesn't name come last.
    static func of(_ session: ProcessSession) -> [LoadedModule] {
        let biases = (try? linkMap(session)) ?? []
        var left = session.modules.filter { $0.name != "[vdso]" }
        var ordered: [LoadedModule] = []
        for bias in biases {
            guard let index = left.firstIndex(where: { $0.bias == bias }) else { continue }
            ordered.append(left.remove(at: index))
        }
        return ordered + left
    }

    /// Throws unless the dynamic linker has finished with a module.
    ///
    /// Before that, its slots don't hold the addresses that new code will be linked with. A program without a
    /// dynamic linker has nothing to wait for.
    static func checkReady(_ module: LoadedModule, _ session: ProcessSession) throws(PatcherError) {
        let isDynamic = session.modules.contains { $0.image.segments.contains { $0.type == .interp } }
        if !isDynamic { return }
        guard let list = try? list(session), list.isConsistent, list.biases.contains(module.bias) else {
            throw PatcherError(
                Finding(
                    .processStarting, "process \(session.process) isn't done with linking \(module.shortName)",
                    evidence: ["pid": "\(session.process)", "module": module.shortName]))
        }
    }

    private static func linkMap(_ session: ProcessSession) throws -> [UInt64] { try list(session).biases }

    /// What the dynamic linker's list says: whether it is whole, and the biases in its order.
    private static func list(_ session: ProcessSession) throws -> (isConsistent: Bool, biases: [UInt64]) {
        for module in session.modules {
            guard let dynamic = try module.image.dynamicSection(), let debug = dynamic[.debug], debug != 0 else {
                continue
            }
            // struct r_debug: version, first entry of the list, breakpoint, state (0 if the list is consistent).
            guard let head = RemoteAddress(debug).adding(8), let stateAt = RemoteAddress(debug).adding(24) else {
                continue
            }
            let state = try session.memory.word(stateAt) & 0xffff_ffff
            var entry = try session.memory.word(head)
            var biases: [UInt64] = []
            while entry != 0, biases.count < longest {
                // struct link_map: bias, name, dynamic section, next.
                guard let next = RemoteAddress(entry).adding(24) else { break }
                biases.append(try session.memory.word(RemoteAddress(entry)))
                entry = try session.memory.word(next)
            }
            if !biases.isEmpty { return (state == 0, biases) }
        }
        return (false, [])
    }
}
