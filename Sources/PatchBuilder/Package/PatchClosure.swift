import ELF
import Findings
import LivePatch

// Which parts of the post objects come with the patch, for one target.
//
// Start: the new code of every function that changed and that the target has. Then whatever the included
// code refers to: new functions, new data, strings, constants and jump tables come along; what is the same
// as before is used in place, where the running process has it. A function or constant that is the same
// but isn't in this target (the linker dropped it, or it was inlined everywhere) comes along too.
//
// Variables that changed in a way that the patch can't bring about are refused as soon as included code
// needs them.

/// The closure over references, for one target.
struct PatchClosure {
    let units: [PatchUnit]
    /// Functions that get a trampoline: unit, post entity, pre entity, rebuilt address.
    private(set) var replaced: [(unit: Int, post: Int, pre: Int, address: UInt64)] = []
    /// Pieces in the order in which they were found.
    private(set) var pieces: [Piece] = []
    /// Everything that stands in the way.
    private(set) var refusals: [BuildError] = []
    /// The author's hooks: unit and entity of the record.
    private(set) var hooks: [(kind: PatchHook.Kind, name: String, unit: Int, entity: Int)] = []
    private var known: Set<Piece> = []
    /// Global names that the units define after the diff.
    private var globals: [String: (unit: Int, entity: Int)] = [:]

    init(_ units: [PatchUnit]) {
        self.units = units
        for (index, unit) in units.enumerated() {
            for entity in unit.post.entities where entity.isGlobal && !entity.name.isEmpty {
                for name in [entity.name] + entity.aliases where globals[name] == nil {
                    globals[name] = (index, entity.index)
                }
            }
        }
    }

    mutating func run() throws(ELFError) {
        findReplaced()
        let frames = try units.map { (unit) throws(ELFError) in try FrameTable(unit.post.file) }
        for function in replaced { include(unit: function.unit, entity: function.post) }
        for (index, unit) in units.enumerated() { includeHooks(of: unit, index) }
        var next = 0
        while next < pieces.count {
            follow(pieces[next])
            followFrames(pieces[next], frames[pieces[next].unit])
            next += 1
        }
        for (index, unit) in units.enumerated() {
            for entity in unit.post.entities
            where entity.name.contains(HookMark.shadowRoot)
                && known.contains(piece(unit: index, entity: entity.index))
            {
                hooks.append((.shadow, entity.name, index, entity.index))
            }
        }
    }

    /// Hooks are reached from nothing else: tsugite-patch.h marks them by the names of their records.
    private mutating func includeHooks(of unit: PatchUnit, _ index: Int) {
        for entity in unit.post.entities where entity.kind == .data && unit.oldAddress(ofPost: entity.index) == nil
        {
            guard let mark = HookMark(entity.name) else { continue }
            include(unit: index, entity: entity.index)
            hooks.append((mark.kind, mark.function, index, entity.index))
        }
    }

    /// What the frame information of an included function needs: tables of exception handlers.
    private mutating func followFrames(_ piece: Piece, _ table: FrameTable) {
        let model = units[piece.unit].post
        guard model.sections[piece.section].isCode else { return }
        for record in table.records {
            guard let begin = record.begin, let start = model.place(of: begin),
                case .entity(let entity) = start.target, model.entities[entity].section == piece.section,
                piece.range.contains(model.entities[entity].range.lowerBound)
            else { continue }
            // The common record names the function that handles exceptions.
            let common = record.common.flatMap { start in table.records.first { $0.start == start } }
            let needed = record.relocations.filter { $0.offset != 8 } + (common?.relocations ?? [])
            for relocation in needed {
                guard let reference = model.place(of: relocation) else { continue }
                if case .success(.included(let unit, let entity)) = destination(of: reference, unit: piece.unit) {
                    include(unit: unit, entity: entity)
                }
            }
        }
    }

    /// Changed functions that the target has; copies of one function in several units (inline functions of
    /// C++) are one, the first unit's.
    private mutating func findReplaced() {
        var taken: Set<UInt64> = []
        for (index, unit) in units.enumerated() {
            for change in unit.comparison.functions {
                guard let pre = change.pre, let post = change.post, !unit.post.entities[post].parsedName.isCold,
                    let address = unit.placement.addresses[pre], taken.insert(address).inserted
                else { continue }
                replaced.append((index, post, pre, address))
            }
        }
    }

    /// Takes an entity along: by itself, or with its whole section where unnamed bytes are all there is to
    /// tell one from the next.
    private mutating func include(unit index: Int, entity: Int) {
        let piece = self.piece(unit: index, entity: entity)
        guard known.insert(piece).inserted else { return }
        pieces.append(piece)
        if let target = escape(piece) {
            refusals.append(
                BuildError(
                    .objectUnsupported,
                    "\(units[index].post.entities[entity].name) shares a section with code that it jumps to",
                    evidence: [
                        "section": units[index].post.sections[piece.section].name, "unit": units[index].name,
                        "target": hex(UInt64(max(target, 0))),
                    ], remedy: "Leave out the function's section attribute, or change its callers instead."))
        }
    }

    /// Where a function cut out of a section with others leads without a relocation: the assembler knew the
    /// distance, and it isn't true any more.
    private func escape(_ piece: Piece) -> Int? {
        let section = units[piece.unit].post.sections[piece.section]
        guard section.isCode, piece.range != 0..<section.size else { return nil }
        let fields = Set(section.references.map(\.offset))
        var at = piece.range.lowerBound
        while at < piece.range.upperBound, let found = X86_64InstructionSet.decode(section.contents, at: at) {
            if let branch = found.branch, !fields.contains(at + branch.offset),
                let target = found.branchTarget(in: section.contents, at: at), !piece.range.contains(target)
            {
                return target
            }
            at += found.length
        }
        return nil
    }

    /// Functions of one unit that come with the patch, in the object's order.
    func includedFunctions(unit index: Int) -> [Entity] {
        let model = units[index].post
        return model.entities.filter {
            $0.kind == .function && known.contains(piece(unit: index, entity: $0.index))
        }
    }

    /// The piece in which an entity travels.
    func piece(unit index: Int, entity: Int) -> Piece {
        let model = units[index].post
        let found = model.entities[entity]
        let section = model.sections[found.section]
        let isAlone = section.entities == [entity]
        let isWhole = isAlone || (found.kind == .anonymous && !section.isStrings && !section.isConstants)
        return Piece(unit: index, section: found.section, range: isWhole ? 0..<section.size : found.range)
    }

    private mutating func follow(_ piece: Piece) {
        let section = units[piece.unit].post.sections[piece.section]
        let from = section.references.firstIndex(from: piece.range.lowerBound)
        let to = section.references.firstIndex(from: piece.range.upperBound)
        for reference in section.references[from..<to] {
            switch destination(of: reference, unit: piece.unit) {
            case .success(.included(let unit, let entity)): include(unit: unit, entity: entity)
            case .success: break
            case .failure(let error): if !refusals.contains(error) { refusals.append(error) }
            }
        }
    }

    /// What a reference of an included piece leads to.
    func destination(of reference: Reference, unit index: Int) -> Result<Destination, BuildError> {
        let unit = units[index]
        switch reference.target {
        case .entity(let entity): return destination(entity: entity, unit: index)
        case .external(let symbol):
            let found = unit.post.symbols[symbol]
            if let other = globals[found.name], other.unit != index {
                return destination(entity: other.entity, unit: other.unit)
            }
            return .success(.named(found.name, isWeak: found.binding == .weak))
        case .absolute, .unmodelled:
            return .failure(
                BuildError(
                    .objectUnsupported, "a reference in \(unit.name) leads to no loadable section",
                    evidence: ["section": unit.post.sections[0].name, "offset": hex(UInt64(reference.offset))]))
        }
    }

    private func destination(entity index: Int, unit: Int) -> Result<Destination, BuildError> {
        let entity = units[unit].post.entities[index]
        let included = Destination.included(unit: unit, entity: index)
        switch entity.kind {
        case .literal, .anonymous: return .success(included)
        case .function:
            if units[unit].comparison.change(post: index) != nil {
                // Copies of an inline function in several units: the replaced one stands for all.
                let address = units[unit].oldAddress(ofPost: index)
                if let other = replaced.first(where: { $0.address == address }) {
                    return .success(.included(unit: other.unit, entity: other.post))
                }
                return .success(included)
            }
            return .success(own(entity, unit) ?? included)
        case .data: return destination(data: entity, unit: unit)
        case .threadLocal:
            if let own = own(entity, unit) { return .success(own) }
            return .failure(
                BuildError(
                    .threadLocalNew, "the fix adds the thread-local variable \(entity.name)",
                    evidence: ["variable": entity.name, "unit": units[unit].name]))
        }
    }

    private func destination(data entity: Entity, unit: Int) -> Result<Destination, BuildError> {
        let included = Destination.included(unit: unit, entity: entity.index)
        // A constant pointer to the function that handles exceptions (`DW.ref.__gxx_personality_v0`), one for each
        // module only to save space; only unwind tables use it, so nothing tells it from its copies.
        if entity.name.hasPrefix("DW.ref.") { return .success(included) }
        guard let change = units[unit].comparison.data.first(where: { $0.post == entity.index }) else {
            return .success(own(entity, unit) ?? included)
        }
        switch change.kind {
        case .newReadOnly, .newWritable: return .success(included)
        case .changedInitialValue: return .success(own(entity, unit) ?? included)
        case .changedReadOnly where change.isTakenAlong: return .success(included)
        // Written over in place: everybody uses the old one, with its new content.
        case .changedReadOnly where !change.runs.isEmpty: return .success(own(entity, unit) ?? included)
        default:
            return own(entity, unit) == nil && change.kind != .ambiguous
                ? .success(included) : .failure(change.refusal(in: units[unit].name))
        }
    }

    /// The old counterpart, if the target has it.
    private func own(_ entity: Entity, _ unit: Int) -> Destination? {
        guard let address = units[unit].oldAddress(ofPost: entity.index) else { return nil }
        return .own(
            entity.name, address, .init(isGlobal: entity.isGlobal, type: entity.type.rawValue))
    }
}
