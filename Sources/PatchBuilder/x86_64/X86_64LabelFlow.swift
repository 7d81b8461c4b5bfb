import ELF

// Where addresses of labels (`&&label`) of a function go. A function that only jumps through them (`goto *table[i]`) may
// be replaced: nobody has them but its own frames. One that keeps them in memory may not: they lead into the old code
// for ever, and new code that jumps there finds another frame than it left.
//
// A table of labels is read-only data with absolute addresses of the function's inside. From the place where its code
// takes the table's address on, each load from the table must end in a jump before anything else is done with what was
// loaded. Which register holds the table is decided for the function as a whole, not for each path: this may refuse what
// is harmless, and lets nothing through that stores a label by ordinary means.

/// Finds label addresses that leave a function.
struct X86_64LabelFlow {
    private let model: ObjectModel
    private let function: Entity
    private let section: ObjectSection

    init(_ model: ObjectModel, _ function: Entity) {
        self.model = model
        self.function = function
        section = model.sections[function.section]
    }

    /// What keeps a label's address: a word for the report; nil if nothing does.
    func escape() -> String? {
        var tables: Set<Int> = []
        // Fields of the function's code that refer to those.
        var fields: Set<Int> = []
        for entity in model.entities where entity.index != function.index && holdsLabels(entity) {
            if model.sections[entity.section].isWritable { return entity.name.isEmpty ? "a variable" : entity.name }
            tables.insert(entity.index)
        }
        for reference in model.references(function) {
            if case .entity(let target) = reference.target {
                if target == function.index, isInside(reference.addend, reference.type) { return "its own code" }
                if tables.contains(target) { fields.insert(reference.offset) }
            }
        }
        return walk(steps(fields))
    }

    /// Whether data holds whole addresses of the function's inside.
    private func holdsLabels(_ entity: Entity) -> Bool {
        guard entity.kind == .data || entity.kind == .anonymous else { return false }
        return model.references(entity).contains { reference in
            reference.target == .entity(function.index) && reference.type == X86_64Relocation.abs64.rawValue
                && reference.addend > 0 && reference.addend < function.range.count
        }
    }

    /// Whether a reference in code means a place inside rather than the function: `mov $label, %eax`.
    private func isInside(_ addend: Int64, _ type: UInt32) -> Bool {
        let isAbsolute = [
            X86_64Relocation.abs64.rawValue, X86_64Relocation.abs32.rawValue, X86_64Relocation.abs32s.rawValue,
        ].contains(type)
        return isAbsolute && addend > 0 && addend < function.range.count
    }

    // MARK: Code

    private struct Step {
        var at: Int
        var instruction: Instruction
        var operands: X86_64Operands
        /// Whether a field of it refers to a table.
        var isOfTable: Bool
    }

    private func steps(_ fields: Set<Int>) -> [Step] {
        var steps: [Step] = []
        var at = function.range.lowerBound
        while at < function.range.upperBound, let found = X86_64InstructionSet.decode(section.contents, at: at) {
            steps.append(
                Step(
                    at: at, instruction: found, operands: X86_64Operands(found, in: section.contents, at: at),
                    isOfTable: fields.contains { $0 >= at && $0 < at + found.length }))
            at += found.length
        }
        return steps
    }

    private func walk(_ steps: [Step]) -> String? {
        // `lea label(%rip), %reg`: the assembler knew the distance, so there is no reference.
        if steps.contains(where: takesLabel) { return "its own code" }
        var bases: Set<Int> = []
        for step in steps where step.isOfTable {
            guard let register = step.operands.register else { continue }
            // `lea table(%rip), %reg` and `mov $table, %reg`.
            if step.operands.takesAddress || !step.operands.hasMemory {
                bases.insert(step.operands.second ?? register)
            }
        }
        for (number, step) in steps.enumerated() where readsTable(step, bases) {
            if !isJumpedTo(number, steps) { return "memory, loaded from its table of labels" }
        }
        return nil
    }

    private func takesLabel(_ step: Step) -> Bool {
        guard step.operands.takesAddress, step.instruction.isRelative,
            let field = step.instruction.displacement,
            !section.references.contains(where: { $0.offset == step.at + field.offset })
        else { return false }
        let target =
            step.at + step.instruction.length
            + Int(step.instruction.value(field, in: section.contents, at: step.at))
        return target > function.range.lowerBound && target < function.range.upperBound
    }

    /// Whether an instruction reads what may be an entry of the table.
    private func readsTable(_ step: Step, _ bases: Set<Int>) -> Bool {
        // Long no-operations name memory that they don't read, `lea` only its address.
        let operands = step.operands
        guard operands.hasMemory, !step.instruction.isPadding, !operands.takesAddress else { return false }
        if step.isOfTable { return true }
        guard let base = operands.base, let index = operands.index else { return false }
        // Without a scale, either of the two may be the table.
        return bases.contains(base) || operands.scale != 8 && bases.contains(index)
    }

    /// Whether what a step loads is used by nothing but a jump.
    private func isJumpedTo(_ number: Int, _ steps: [Step]) -> Bool {
        let operands = steps[number].operands
        if operands.isIndirectJump { return true }
        guard operands.isPrimary(0x8b), operands.isWide, let loaded = operands.register else { return false }
        var next = number + 1
        var jumps = 0
        while next < steps.count {
            let step = steps[next]
            if step.operands.isIndirectJump, step.operands.second == loaded { return true }
            if step.operands.names(loaded) { return false }
            switch step.instruction.flow {
            case .next: next += 1
            case .jump:
                // Compilers share one jump among many places.
                jumps += 1
                guard jumps < 4, let target = step.instruction.branchTarget(in: section.contents, at: step.at),
                    let place = steps.firstIndex(where: { $0.at == target })
                else { return false }
                next = place
            case .call, .conditional, .loop, .end: return false
            }
        }
        return false
    }
}
