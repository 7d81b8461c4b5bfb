package import ELF

// Where the entities of one translation unit are in the linked file.
//
// Names that all objects share are looked up. Local names are looked up in the unit's own group of local
// symbols. Which group that is follows from the name of the source file; where several have it (two
// `util.c`), from the local names; where those agree too, from the code: the functions of the unit must be
// found at the group's addresses. What still fits several groups is the same code with the same data, and
// link order decides.

/// The places of one unit's entities.
package struct UnitPlacement: Sendable {
    /// The group of local symbols that is the unit's; nil if none fits.
    package var group: Int?
    /// For each entity of the model, its link-time address; for a thread-local variable its offset into the
    /// TLS segment.
    package var addresses: [UInt64?]
    /// For each function that was looked for, whether its code is there and why not.
    package var matches: [Int: Result<CodeMatch, CodeMismatch>] = [:]
}

/// Finds units in one linked file.
package struct UnitPlacer: Sendable {
    /// The linked file, with symbols.
    package let file: ELFFile
    /// Its symbols.
    package let map: LinkMap

    /// Reads the symbols.
    package init(_ file: ELFFile) throws(ELFError) {
        self.file = file
        map = try LinkMap(file)
    }

    /// Places a unit; `order` is its position among the link's units with the same file name.
    package func place(_ model: ObjectModel, order: Int = 0) -> UnitPlacement {
        let candidates = groups(for: model)
        var best: (placement: UnitPlacement, score: Int)?
        for (position, group) in candidates.enumerated() {
            var placement = UnitPlacement(group: group, addresses: addresses(model, group))
            guard candidates.count > 1 else { return placement }
            // With several candidates the code decides, and link order breaks a tie.
            let matched = matchLocals(model, &placement)
            let score = 2 * matched + (position == order ? 1 : 0)
            if best.map({ score > $0.score }) ?? true { best = (placement, score) }
        }
        return best?.placement ?? UnitPlacement(group: nil, addresses: addresses(model, nil))
    }

    /// The groups that have the unit's file name and the most of its local names.
    private func groups(for model: ObjectModel) -> [Int] {
        guard let source = model.sourceName else { return [] }
        let locals = Set(model.entities.filter { !$0.name.isEmpty && !$0.isGlobal }.map(\.name))
        let scored = map.groups.enumerated().filter { $0.element.file == source }.map { index, group in
            (index, group.entries.count { locals.contains(map.entries[$0].name) })
        }
        guard let most = scored.map(\.1).max() else { return [] }
        return scored.filter { $0.1 == most }.map(\.0)
    }

    private func addresses(_ model: ObjectModel, _ group: Int?) -> [UInt64?] {
        model.entities.map { entity -> UInt64? in
            guard !entity.name.isEmpty else { return nil }
            for name in [entity.name] + entity.aliases {
                if let found = address(name, entity, group) { return found }
            }
            return nil
        }
    }

    private func address(_ name: String, _ entity: Entity, _ group: Int?) -> UInt64? {
        if entity.isGlobal {
            if let shared = map.shared(name) { return shared.address }
            return group.flatMap { map.local(name, in: $0).first?.address }
        }
        guard let group else { return nil }
        let found = map.local(name, in: group)
        // Several of one name in one object come from assembly only; their order is the object's.
        return found.first?.address
    }

    /// Matches all local functions; returns how many are where the group says.
    private func matchLocals(_ model: ObjectModel, _ placement: inout UnitPlacement) -> Int {
        var count = 0
        for entity in model.entities where entity.kind == .function && !entity.isGlobal {
            guard let address = placement.addresses[entity.index] else { continue }
            let result = match(model, entity, at: address)
            placement.matches[entity.index] = result
            if case .success = result { count += 1 }
        }
        return count
    }

    /// Whether an entity's code is at an address of the linked file.
    package func match(_ model: ObjectModel, _ entity: Entity, at address: UInt64) -> Result<
        CodeMatch, CodeMismatch
    > {
        var matcher = X86_64CodeMatcher(
            model, entity, linked: code(at: address, entity.range.count), address: address)
        do throws(CodeMismatch) {
            return .success(try matcher.match())
        } catch {
            return .failure(error)
        }
    }

    /// The file's bytes at an address: as many as asked for and some more, as far as the segment goes.
    private func code(at address: UInt64, _ count: Int) -> [UInt8] {
        for slack in [64, 16, 0] {
            if let bytes = try? file.contents(atAddress: address, count: UInt64(count + slack)) {
                return bytes.bytes
            }
        }
        return []
    }
}
