import ELF
import Linux

/// Names addresses of a process as well as its memory allows: our own new code, replaced functions, then the
/// dynamic symbols of the module.
struct Symboliser {
    let session: ProcessSession

    init(_ session: ProcessSession) { self.session = session }

    /// `function+0x12 (libfoo.so.1)`, or the address and the mapping.
    ///
    /// - Parameter isCall: whether the address is a return address, which may lie behind its function.
    func describe(_ address: UInt64, isCall: Bool) -> String {
        let pc = isCall ? address &- 1 : address
        if let (name, start, owner) = find(pc) {
            return "\(name)+0x\(String(address &- start, radix: 16)) (\(owner))"
        }
        let mapping = session.space.mapping(at: RemoteAddress(pc))
        let file = mapping?.name.split(separator: "/").last.map(String.init) ?? "unmapped"
        guard let start = mapping.map({ $0.area.start.rawValue &- $0.area.offset }) else {
            return "\(RemoteAddress(address))"
        }
        return "\(RemoteAddress(address)) (\(file)+0x\(String(address &- start, radix: 16)))"
    }

    private func find(_ pc: UInt64) -> (name: String, start: UInt64, owner: String)? {
        let address = RemoteAddress(pc)
        for patch in session.installed {
            for symbol in patch.symbols where symbol.range.contains(address) {
                return (symbol.name, symbol.range.start.rawValue, "patch \(patch.name)")
            }
            for function in patch.functions where function.old.contains(address) {
                return (function.name, function.old.start.rawValue, patch.targetName)
            }
        }
        guard let module = session.modules.first(where: { $0.image.span?.contains(pc) == true }) else { return nil }
        guard let symbols = try? module.image.dynamicSymbols(), let all = try? symbols.all() else { return nil }
        let link = pc &- module.bias
        for entry in all {
            let symbol = entry.symbol
            guard symbol.type == .function, !symbol.isUndefined, symbol.value <= link,
                link - symbol.value < symbol.size
            else { continue }
            return (symbol.name, symbol.value &+ module.bias, module.shortName)
        }
        return nil
    }
}
