// Who uses a type in one object: functions with a variable or parameter of it, variables, and other types that
// hold it or point to it.
//
// Objects of a type are *short-lived* if every one that can exist is a local variable of a function that the
// patch replaces: no such function is under way when the patch goes in, so no object of the old layout exists.
// That holds if
//
// * no other type has a field of it or a pointer to it, no variable with a fixed place has it, and no function
//   returns it;
// * it occurs as a local variable only by value, and pointers to it only as parameters of static functions:
//   a pointer variable could hold an object from the heap;
// * all these functions are replaced, or are inlined into ones that are.

struct TypeUses {
    /// What isn't a function: variables, types.
    private(set) var others: [String] = []
    /// Functions with locals or parameters of the type.
    private(set) var functions: [String] = []
    private var isByPointer = false

    private let table: TypeTable
    private let wanted: Set<Int>

    /// Users as names, functions first.
    var names: [String] { functions + others }

    init(_ table: TypeTable, of type: Int) {
        self.table = table
        wanted = [type]
        var functionsSeen: Set<String> = []
        var othersSeen: Set<String> = []
        for (index, entry) in table.debug.entries.enumerated() {
            guard let target = entry.type else { continue }
            let mention = self.mention(target)
            guard mention != .none else { continue }
            switch entry.tag {
            case TypeTable.Tag.member, TypeTable.Tag.inheritance:
                let name = table.qualified(entry.parent) ?? "a nameless type"
                if othersSeen.insert(name).inserted { others.append("field of \(name)") }
            case TypeTable.Tag.variable, TypeTable.Tag.parameter:
                noteVariable(index, mention, &functionsSeen, &othersSeen)
            case TypeTable.Tag.subprogram:
                let name = table.debug.name(index) ?? "?"
                if othersSeen.insert(name).inserted { others.append("result of \(name)") }
            case TypeTable.Tag.pointer, TypeTable.Tag.array, TypeTable.Tag.typedef, TypeTable.Tag.constant,
                TypeTable.Tag.volatile, TypeTable.Tag.restrict, TypeTable.Tag.reference,
                TypeTable.Tag.rvalueReference, TypeTable.Tag.atomic, TypeTable.Tag.subrange:
                continue
            default:
                let name = table.qualified(index) ?? "a nameless type"
                if othersSeen.insert(name).inserted { others.append(name) }
            }
        }
    }

    private enum Mention { case none, value, pointer }

    private func mention(_ offset: Int) -> Mention {
        let tags: Set<UInt64> = [TypeTable.Tag.array]
        if let direct = table.stripped(offset, through: tags), wanted.contains(direct) { return .value }
        let pointers = tags.union([
            TypeTable.Tag.pointer, TypeTable.Tag.reference, TypeTable.Tag.rvalueReference,
        ])
        if let far = table.stripped(offset, through: pointers), wanted.contains(far) { return .pointer }
        return .none
    }

    private mutating func noteVariable(
        _ index: Int, _ mention: Mention, _ functionsSeen: inout Set<String>, _ othersSeen: inout Set<String>
    ) {
        let entry = table.debug.entries[index]
        guard let function = function(around: index), !entry.hasStaticPlace, !entry.isExternal else {
            let name = table.debug.name(index) ?? "?"
            if othersSeen.insert(name).inserted { others.append("variable \(name)") }
            return
        }
        if mention == .pointer {
            let isStatic = !table.debug.entries[function].isExternal && !isExternalByOrigin(function)
            if entry.tag == TypeTable.Tag.variable || !isStatic { isByPointer = true }
        }
        let name = table.debug.name(function) ?? "?"
        if functionsSeen.insert(name).inserted { functions.append(name) }
    }

    private func isExternalByOrigin(_ function: Int) -> Bool {
        guard let origin = table.debug.entries[function].origin, let found = table.debug.index(at: origin) else {
            return false
        }
        return table.debug.entries[found].isExternal
    }

    /// The function in which an entry stands; nil at file scope and in types of functions.
    private func function(around index: Int) -> Int? {
        var at = table.debug.entries[index].parent
        while at >= 0 {
            switch table.debug.entries[at].tag {
            case TypeTable.Tag.subprogram: return at
            case TypeTable.Tag.subroutineType: return nil
            default: at = table.debug.entries[at].parent
            }
        }
        return nil
    }

    /// Whether no object can be older than the patch; see above.
    func areShortLived(_ replaced: Set<String>) -> Bool {
        guard others.isEmpty, !isByPointer, !functions.isEmpty else { return false }
        let inlined = Dictionary(grouping: inlinedInto(), by: \.callee).mapValues { $0.map(\.caller) }
        return functions.allSatisfy { name in
            if replaced.contains(name) { return true }
            guard let callers = inlined[name], !callers.isEmpty, !hasBody(name) else { return false }
            return callers.allSatisfy(replaced.contains)
        }
    }

    private func hasBody(_ name: String) -> Bool {
        table.debug.entries.indices.contains { index in
            let entry = table.debug.entries[index]
            return entry.tag == TypeTable.Tag.subprogram && entry.hasStaticPlace && table.debug.name(index) == name
        }
    }

    private func inlinedInto() -> [(callee: String, caller: String)] {
        table.debug.entries.indices.compactMap { index in
            guard table.debug.entries[index].tag == TypeTable.Tag.inlined, let callee = table.debug.name(index),
                let function = function(around: index), let caller = table.debug.name(function)
            else { return nil }
            return (callee, caller)
        }
    }
}
