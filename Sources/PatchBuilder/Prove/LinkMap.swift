package import ELF

/// The symbols of a linked file that wasn't stripped, in the linker's groups.
///
/// A linker writes the local symbols of each object together, behind a symbol that names the object's source
/// file; that is how two `static int init()` are told apart. Hidden symbols become local and stand in a group
/// without a name (GNU ld, gold) or in their object's (lld).
package struct LinkMap: Sendable {
    /// One named place.
    package struct Entry: Sendable, Equatable {
        /// Without version.
        package var name: String
        /// Link-time address; for a thread-local variable, offset into the TLS segment.
        package var address: UInt64
        /// In bytes, 0 if unknown.
        package var size: UInt64
        /// What it is.
        package var type: SymbolType
        /// Who saw it after the link.
        package var binding: SymbolBinding
        /// Whether it leaves the component.
        package var visibility: SymbolVisibility
        /// Index into ``LinkMap/groups``; nil for symbols seen by all objects.
        package var group: Int?
    }

    /// The locals of one object.
    package struct Group: Sendable, Equatable {
        /// Name of the source file without folder; empty for the linker's own group.
        package var file: String
        /// Positions in ``LinkMap/entries``.
        package var entries: Range<Int>
    }

    /// All named places, in the order of the symbol table.
    package private(set) var entries: [Entry] = []
    /// The groups of local symbols, in link order.
    package private(set) var groups: [Group] = []
    private var byName: [String: [Int]] = [:]

    /// Reads `.symtab`; empty for a stripped file.
    package init(_ file: ELFFile) throws(ELFError) {
        for symbol in try file.symbols() {
            if symbol.type == .file {
                closeGroup()
                groups.append(Group(file: symbol.name, entries: entries.count..<entries.count))
                continue
            }
            guard !symbol.name.isEmpty, symbol.type != .section, !symbol.isUndefined else { continue }
            let isLocal = symbol.binding == .local
            if !isLocal { closeGroup() }
            byName[Self.unversioned(symbol.name), default: []].append(entries.count)
            entries.append(
                Entry(
                    name: Self.unversioned(symbol.name), address: symbol.value, size: symbol.size,
                    type: symbol.type,
                    binding: symbol.binding, visibility: symbol.visibility,
                    group: isLocal && !groups.isEmpty ? groups.count - 1 : nil))
        }
        closeGroup()
    }

    private mutating func closeGroup() {
        guard let last = groups.indices.last, groups[last].entries.isEmpty else { return }
        let start = groups[last].entries.lowerBound
        let end = entries[start...].firstIndex { $0.group != last } ?? entries.count
        groups[last].entries = start..<end
    }

    /// `stdout@@GLIBC_2.2.5` → `stdout`.
    private static func unversioned(_ name: String) -> String {
        guard let at = name.utf8.firstIndex(of: 0x40), at != name.utf8.startIndex else { return name }
        return String(name[..<at])
    }

    /// Whether there are no symbols.
    package var isEmpty: Bool { entries.isEmpty }

    /// All places of that name.
    package func entries(named name: String) -> [Entry] { (byName[name] ?? []).map { entries[$0] } }

    /// The place of a name that all objects of the link share, hidden ones included; nil if there is none, or
    /// if several locals have the name and none is more likely.
    package func shared(_ name: String) -> Entry? {
        let all = entries(named: name)
        if let global = all.first(where: { $0.binding != .local }) { return global }
        let linkers = all.filter { $0.group.map { groups[$0].file.isEmpty } ?? true }
        if linkers.count == 1 { return linkers[0] }
        return all.count == 1 ? all[0] : nil
    }

    /// The place of a local name of one object.
    package func local(_ name: String, in group: Int) -> [Entry] {
        entries(named: name).filter { $0.group == group }
    }

    /// Addresses of everything that isn't thread-local.
    var places: [UInt64] { entries.filter { $0.type != .tls }.map(\.address) }

    /// The function that starts at an address.
    package func function(at address: UInt64) -> Entry? {
        entries.first { $0.address == address && $0.size > 0 && $0.type == .function }
    }

    /// The functions, sorted by address, one for each address.
    package func functions() -> [Entry] {
        var seen: Set<UInt64> = []
        return entries.filter { ($0.type == .function || $0.type == .gnuIFunc) && $0.size > 0 }
            .sorted { ($0.address, $0.binding == .local ? 1 : 0) < ($1.address, $1.binding == .local ? 1 : 0) }
            .filter { seen.insert($0.address).inserted }
    }
}
