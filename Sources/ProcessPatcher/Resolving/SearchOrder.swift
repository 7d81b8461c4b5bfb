import ELF
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

    /// The biases in the list's order.
    private static func linkMap(_ session: ProcessSession) throws -> [UInt64] {
        for module in session.modules {
            guard let dynamic = try module.image.dynamicSection(), let debug = dynamic[.debug], debug != 0 else {
                continue
            }
            // struct r_debug: version, then the first entry of the list.
            guard let head = RemoteAddress(debug).adding(8) else { continue }
            var entry = try session.memory.word(head)
            var biases: [UInt64] = []
            while entry != 0, biases.count < longest {
                // struct link_map: bias, name, dynamic section, next.
                guard let next = RemoteAddress(entry).adding(24) else { break }
                biases.append(try session.memory.word(RemoteAddress(entry)))
                entry = try session.memory.word(next)
            }
            if !biases.isEmpty { return biases }
        }
        return []
    }
}
