import ELF

// Branches that the assembler settled by itself.
//
// Inside one section the assembler knows the distance between two functions, so a call of a static function
// needs no relocation: `call g` in the plain object is just bytes. That happens in every `.text` of a plain
// object, and with function sections in those that the source names (`.sched.text`, `.noinstr.text`). Position
// would then count as content. Here each such branch becomes a reference like any other:
//
//     f: e8 10 00 00 00   (g is 16 bytes on)      →      f: e8 00 00 00 00   PLT32 g - 4
//
// Short jumps (8 bits) to another function become references too. Proving can check them; a module can't carry
// them, because the distance won't be short there.

extension ObjectModel {
    /// The model with a reference for each branch from one function into another.
    func withSiblingReferences() -> ObjectModel {
        var model = self
        for index in model.sections.indices where model.sections[index].isCode {
            // Alone in its section, a function has no siblings.
            guard model.sections[index].entities.count > 1 else { continue }
            let found = model.siblingBranches(index)
            guard !found.isEmpty else { continue }
            for (reference, width) in found {
                for at in reference.offset..<(reference.offset + width) { model.sections[index].contents[at] = 0 }
            }
            model.sections[index].references = (model.sections[index].references + found.map(\.0)).sorted {
                $0.offset < $1.offset
            }
        }
        model.shareReferences()
        return model
    }

    private func siblingBranches(_ section: Int) -> [(Reference, width: Int)] {
        let code = sections[section].contents
        var found: [(Reference, width: Int)] = []
        for index in sections[section].entities where entities[index].kind == .function {
            let entity = entities[index]
            var at = entity.range.lowerBound
            while at < entity.range.upperBound, let instruction = X86_64InstructionSet.decode(code, at: at) {
                defer { at += instruction.length }
                guard let field = instruction.branch, let target = instruction.branchTarget(in: code, at: at),
                    !entity.range.contains(target), !hasReference(section, at: at + field.offset),
                    let sibling = function(section, containing: target)
                else { continue }
                let type: X86_64Relocation = field.width == 1 ? .pc8 : .plt32
                let inside = target - entities[sibling].range.lowerBound
                found.append(
                    (
                        Reference(
                            offset: at + field.offset, type: type.rawValue, symbol: 0, target: .entity(sibling),
                            addend: Int64(inside - field.width)), field.width
                    ))
            }
        }
        return found
    }

    private func hasReference(_ section: Int, at offset: Int) -> Bool {
        let references = sections[section].references
        let index = references.firstIndex(from: offset)
        return index < references.count && references[index].offset == offset
    }

    private func function(_ section: Int, containing offset: Int) -> Int? {
        sections[section].entities.last { entities[$0].range.lowerBound <= offset }
            .flatMap { entities[$0].range.contains(offset) && entities[$0].kind == .function ? $0 : nil }
    }

    /// Gives each entity its share of the references again.
    private mutating func shareReferences() {
        for index in entities.indices {
            let entity = entities[index]
            let references = sections[entity.section].references
            entities[index].references =
                references.firstIndex(
                    from: entity.range.lowerBound)..<references.firstIndex(
                    from: entity.range.upperBound)
        }
    }
}
