// Where the references of included code lead.

import ELF
import Findings
import KernelImage

extension KernelClosure {
    mutating func follow(_ piece: KernelPiece) {
        let section = units[piece.unit].post.sections[piece.section]
        let from = section.references.firstIndex(from: piece.range.lowerBound)
        let to = section.references.firstIndex(from: piece.range.upperBound)
        for reference in section.references[from..<to] {
            if reference.type == X86_64Relocation.pc8.rawValue, section.isCode {
                refuse(piece.unit, name(of: piece), "a short jump into another function")
            }
            follow(reference, unit: piece.unit, from: piece)
        }
    }

    mutating func follow(_ reference: Reference, unit: Int, from piece: KernelPiece?) {
        switch destination(of: reference, unit: unit, from: piece) {
        case .success(.included(let unit, let entity)): include(unit: unit, entity: entity)
        case .success: break
        case .failure(let error): if !refusals.contains(error) { refusals.append(error) }
        }
    }

    /// A name for people of a piece.
    func name(of piece: KernelPiece) -> String {
        let model = units[piece.unit].post
        let found = model.sections[piece.section].entities.first { model.entities[$0].range == piece.range }
        return found.map { model.entities[$0].name } ?? model.sections[piece.section].name
    }

    /// What a reference of included code or data leads to.
    /// - Parameter piece: where the reference stands; `nil` for a record of a table, which is about the new code.
    func destination(of reference: Reference, unit index: Int, from piece: KernelPiece?) -> Result<
        KernelDestination, BuildError
    > {
        let unit = units[index]
        let isPointer = Self.isPointer(reference)
        if case .entity(let entity) = reference.target {
            let target = self.piece(unit: index, entity: entity)
            if target == piece || piece == nil && contains(target) {
                return .success(.included(unit: index, entity: entity))
            }
        }
        switch reference.target {
        case .entity(let entity): return destination(entity: entity, unit: index, isPointer: isPointer)
        case .external(let symbol):
            let name = unit.post.symbols[symbol].name
            if let (other, entity) = definition(of: name, besides: index) {
                return destination(entity: entity, unit: other, isPointer: isPointer)
            }
            return resolver.external(name, in: unit)
        case .absolute, .unmodelled:
            return .failure(
                BuildError(
                    .kernelRefused, "a reference in \(unit.name) leads to no loadable section",
                    evidence: ["unit": unit.name, "offset": "\(reference.offset)"]))
        }
    }

    /// Whether a reference to a function takes its address: it leads to the very start, and isn't a call.
    ///
    /// The assembler marks calls and jumps to functions (PLT32); a jump to a place inside one never leads to the
    /// start, where the tracer's call is.
    static func isPointer(_ reference: Reference) -> Bool {
        switch X86_64Relocation(rawValue: reference.type) {
        case .abs64, .abs32, .abs32s, .pc64: reference.addend == 0
        case .pc32: reference.addend == -4
        default: false
        }
    }

    /// A global function or variable that another unit of the patch defines.
    func definition(of name: String, besides index: Int) -> (unit: Int, entity: Int)? {
        for (other, unit) in units.enumerated() where other != index {
            if let entity = unit.post.entities(named: name).first(where: \.isGlobal) {
                return (other, entity.index)
            }
        }
        return nil
    }

    func destination(entity index: Int, unit: Int, isPointer: Bool) -> Result<KernelDestination, BuildError> {
        let entity = units[unit].post.entities[index]
        let included = KernelDestination.included(unit: unit, entity: index)
        switch entity.kind {
        case .literal: return .success(included)
        case .anonymous:
            let section = units[unit].post.sections[entity.section]
            if section.isWritable, !section.isCode {
                return failure(unit, section.name, "a variable without a name")
            }
            return .success(included)
        case .threadLocal: return failure(unit, entity.name, "a thread-local variable")
        case .function:
            let isReplaced = replaced.contains { $0.unit == unit && $0.post == index }
            if isReplaced, isPointer { return own(entity, unit) ?? .success(included) }
            if isReplaced || units[unit].comparison.change(post: index) != nil { return .success(included) }
            return own(entity, unit) ?? .success(included)
        case .data: return destination(data: entity, unit: unit)
        }
    }

    func destination(data entity: Entity, unit: Int) -> Result<KernelDestination, BuildError> {
        let included = KernelDestination.included(unit: unit, entity: entity.index)
        let section = units[unit].post.sections[entity.section]
        let change = units[unit].comparison.data.first { $0.post == entity.index }
        // Whether a debug message is on, or was printed once, need not be shared with the old code.
        if KernelSections.isBookkeeping(section.name) { return .success(included) }
        switch change?.kind {
        case .newReadOnly, .newWritable:
            if KernelSections.isPerCPU(section.name) {
                return failure(unit, entity.name, "a new variable per processor")
            }
            return .success(included)
        case .changedReadOnly: return .success(included)
        // What counts how often a message was printed (include/linux/ratelimit.h) may start anew.
        case .ambiguous where entity.parsedName.base == "_rs": return .success(included)
        case .ambiguous:
            return failure(unit, entity.name, "several variables have its name; which one is meant can't be told")
        default:
            if let own = own(entity, unit) { return own }
            // A constant may be used as a copy; a variable is one only.
            if !section.isWritable { return .success(included) }
            return failure(unit, entity.name, "where the kernel has this variable can't be told")
        }
    }

    func failure(_ unit: Int, _ entity: String, _ reason: String) -> Result<KernelDestination, BuildError> {
        .failure(
            BuildError(
                .kernelRefused, "\(entity) in \(units[unit].name): \(reason)",
                evidence: ["unit": units[unit].name, "entity": entity, "reason": reason]))
    }

    /// The kernel's own counterpart of an entity, if it has one that can be named.
    func own(_ entity: Entity, _ unit: Int) -> Result<KernelDestination, BuildError>? {
        guard let address = units[unit].oldAddress(ofPost: entity.index) else { return nil }
        return resolver.symbol(at: address, names: [entity.name] + entity.aliases, in: units[unit]).map {
            .success($0)
        }
    }
}
