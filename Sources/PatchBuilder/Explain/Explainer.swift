import ELF
import LivePatch

// Why each function is in the patch, deduced from three facts: what the diff edits (by source name), which
// functions the compiler's output has (by symbol), and how each differs.
//
//   edited                 its own lines are in the diff
//   constant-propagated    a copy that the compiler made of an edited function
//   split                  a part that the compiler cut off an edited function
//   part                   equal itself; its rarely executed part, or the whole, changed
//   inlined                nothing of its own is edited, but functions that it can see are: the compiler
//                          put the code of one of them into it
//   declaration            only macros, types or constants that it can see are edited
//   data                   uses a constant whose content changed
//   new, needed            isn't in the target: added by the diff, or dropped by its linker
//   compiler               none of these: the compiler decided otherwise about unedited code

/// Explains one unit's functions; pure.
struct Explainer {
    let unit: PatchUnit
    let pair: CompiledPair?
    let diff: DiffFunctions

    /// The reason for one function of the patch.
    func why(_ entity: Entity) -> Manifest.Why {
        let name = entity.parsedName
        let visible = pair.map { diff.visible(in: $0) } ?? (functions: [], declarations: [])
        let source = Self.sourceName(name.base)
        let isEdited = visible.functions.contains { Self.matches(source, $0) }
        guard let change = unit.comparison.change(post: entity.index) else { return Manifest.Why("needed") }
        switch change.status {
        case .family(let other): return Manifest.Why("part", [other])
        case .usesData(let names): return Manifest.Why("data", names)
        case .new where !isEdited && name.marks.isEmpty: return Manifest.Why("new")
        case .new, .changed, .removed: break
        }
        if isEdited {
            if name.marks.contains(.part) || name.marks.contains(.cold) {
                return Manifest.Why("split", [name.base])
            }
            if name.marks.contains(.constprop) || name.marks.contains(.isra) {
                return Manifest.Why("constant-propagated", [name.base])
            }
            return Manifest.Why("edited")
        }
        if change.status == .new { return Manifest.Why("new") }
        if !visible.declarations.isEmpty, isSameButForNumbers(change) {
            return Manifest.Why("declaration", visible.declarations)
        }
        let callees = inlinable(visible.functions)
        if !callees.isEmpty { return Manifest.Why("inlined", callees) }
        if !visible.declarations.isEmpty { return Manifest.Why("declaration", visible.declarations) }
        return Manifest.Why("compiler")
    }

    /// Whether both versions are the same instructions with other offsets or constants: what a changed type
    /// or macro does, and inlining hardly ever.
    func isSameButForNumbers(_ change: FunctionChange) -> Bool {
        guard let pre = change.pre, let post = change.post, case .changed = change.status else { return false }
        let (one, other) = (opcodes(unit.pre, pre), opcodes(unit.post, post))
        return !one.isEmpty && one == other
    }

    /// The last opcode byte of each instruction, fillers left out.
    private func opcodes(_ model: ObjectModel, _ index: Int) -> [UInt8] {
        let entity = model.entities[index]
        let code = model.sections[entity.section].contents
        var found: [UInt8] = []
        var at = entity.range.lowerBound
        while at < entity.range.upperBound, let instruction = X86_64InstructionSet.decode(code, at: at) {
            let opcode = code[at + instruction.opcodeOffset]
            // An immediate or a branch of one byte instead of four is another opcode for the same thing.
            let general: [UInt8: UInt8] = [0x83: 0x81, 0x6b: 0x69, 0x6a: 0x68, 0xeb: 0xe9]
            let isShort = (0x70...0x7f).contains(opcode)
            if !instruction.isPadding { found.append(general[opcode] ?? (isShort ? opcode + 0x10 : opcode)) }
            at += instruction.length
        }
        return found
    }

    /// Edited functions that this unit could have inlined: local ones, and those that exist only inlined.
    private func inlinable(_ edited: [String]) -> [String] {
        edited.filter { name in
            let named = unit.post.entities.filter {
                $0.kind == .function && Self.matches(Self.sourceName($0.parsedName.base), name)
            }
            return named.allSatisfy { !$0.isGlobal || $0.binding == .weak }
        }
    }

    /// A mangled C++ name holds its identifiers with their lengths; plain names are themselves.
    static func sourceName(_ symbol: String) -> String { symbol }

    static func matches(_ symbol: String, _ name: String) -> Bool {
        symbol == name || (symbol.hasPrefix("_Z") && symbol.contains("\(name.utf8.count)\(name)"))
            || symbol.hasPrefix(name + ".")
    }
}
