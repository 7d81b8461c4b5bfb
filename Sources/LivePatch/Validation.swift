import ELF

extension LivePatch {
    /// Limits that no honest patch comes near; they bound what a hostile file can make us do.
    public enum Limits {
        /// Largest patch file, in bytes.
        public static let fileSize = 256 << 20
        /// Largest sum of section sizes in memory of one target, in bytes.
        public static let memorySize: UInt64 = 256 << 20
        /// Most bytes of one piece of read-only data that is written over.
        public static let dataWrite = 64 << 10
        /// Largest alignment of a section, in bytes.
        public static let alignment: UInt64 = 4096
    }

    /// Checks the parts against each other: every index in range, every range whole, every size sane.
    ///
    /// Reading a file and building one both end here, so that no later stage meets a contradiction.
    public func validate() throws(PatchFileError) {
        let nameIsPlain = name.utf8.allSatisfy {
            ($0 >= 0x30 && $0 <= 0x39) || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7a)
                || [0x2b, 0x2d, 0x2e, 0x5f].contains($0)
        }
        guard !name.isEmpty, name.utf8.count <= 128, nameIsPlain else {
            throw PatchFileError(.malformed, "the name isn't 1 to 128 letters, digits or any of . _ + -")
        }
        guard !changes.isEmpty else { throw PatchFileError(.malformed, "no change is named") }
        guard !targets.isEmpty else { throw PatchFileError(.malformed, "no target") }
        for section in object.sections { try validate(section) }
        for symbol in object.symbols { try validate(symbol) }
        for target in targets { try validate(target) }
        guard Set(targets.map(\.buildID)).count == targets.count else {
            throw PatchFileError(.malformed, "two targets with one build-id")
        }
    }

    private func validate(_ section: PatchObject.Section) throws(PatchFileError) {
        func fail(_ what: String) -> PatchFileError {
            PatchFileError(.malformed, "section \(section.name): \(what)")
        }
        guard section.flags.contains(.alloc) else { throw fail("not loadable") }
        guard section.alignment > 0, section.alignment <= Limits.alignment, section.alignment.nonzeroBitCount == 1
        else { throw fail("alignment \(section.alignment)") }
        guard !section.flags.contains(.tls) else { throw fail("new thread-local variables can't be loaded") }
        guard !(section.flags.contains(.write) && section.flags.contains(.execinstr)) else {
            throw fail("both writable and executable")
        }
        guard section.size <= Limits.memorySize, UInt64(section.contents.count) <= section.size,
            section.contents.isEmpty || UInt64(section.contents.count) == section.size
        else { throw fail("size \(section.size) for \(section.contents.count) bytes") }
        for relocation in section.relocations {
            guard object.symbols.indices.contains(relocation.symbol) else {
                throw fail("relocation against symbol \(relocation.symbol)")
            }
            guard relocation.offset < UInt64(section.contents.count) else {
                throw fail("relocation at offset \(relocation.offset)")
            }
        }
    }

    private func validate(_ symbol: PatchObject.Symbol) throws(PatchFileError) {
        guard let index = symbol.section else { return }
        guard object.sections.indices.contains(index) else {
            throw PatchFileError(.malformed, "symbol \(symbol.name): section \(index)")
        }
        let size = object.sections[index].size
        guard symbol.value <= size, symbol.size <= size - symbol.value else {
            throw PatchFileError(.malformed, "symbol \(symbol.name) reaches beyond its section")
        }
    }

    private func validate(_ target: PatchTarget) throws(PatchFileError) {
        func fail(_ what: String) -> PatchFileError { PatchFileError(.malformed, "target \(target.name): \(what)") }
        guard !target.buildID.bytes.isEmpty, target.buildID.bytes.count <= 64 else { throw fail("build-id") }
        guard target.type == .executable || target.type == .shared else {
            throw fail("type \(target.type.rawValue)")
        }
        guard Set(target.sections).count == target.sections.count,
            target.sections.allSatisfy(object.sections.indices.contains)
        else { throw fail("list of sections") }
        let memory = target.sections.reduce(UInt64(0)) {
            $0 + object.sections[$1].size + object.sections[$1].alignment
        }
        guard memory <= Limits.memorySize else { throw fail("needs \(memory) bytes of memory") }
        guard !target.functions.isEmpty || !target.dataWrites.isEmpty || !target.hooks.isEmpty else {
            throw fail("no function is replaced")
        }
        for hook in target.hooks { try validate(hook, of: target) }
        for function in target.functions { try validate(function, of: target) }
        try validateOverlaps(target)
        for data in target.dataWrites {
            guard !data.original.isEmpty, data.original.count == data.replacement.count,
                data.original.count <= Limits.dataWrite,
                data.address <= UInt64(Int64.max) - UInt64(data.original.count)
            else { throw fail("data \(data.name)") }
        }
        for external in target.externals {
            guard object.symbols.indices.contains(external.symbol), object.symbols[external.symbol].section == nil
            else { throw fail("external symbol \(external.symbol)") }
        }
        try validateReach(target)
    }

    private func validate(_ hook: PatchHook, of target: PatchTarget) throws(PatchFileError) {
        guard object.symbols.indices.contains(hook.symbol), let section = object.symbols[hook.symbol].section,
            target.sections.contains(section), object.sections[section].flags.contains(.write),
            object.sections[section].size >= hook.kind.recordSize,
            object.symbols[hook.symbol].value <= object.sections[section].size - hook.kind.recordSize
        else {
            throw PatchFileError(
                .malformed, "hook \(hook.name) of \(target.name): its record isn't data of this target")
        }
    }

    private func validate(_ function: ReplacedFunction, of target: PatchTarget) throws(PatchFileError) {
        func fail(_ what: String) -> PatchFileError {
            PatchFileError(.malformed, "function \(function.name) of \(target.name): \(what)")
        }
        guard object.symbols.indices.contains(function.replacement),
            let section = object.symbols[function.replacement].section, target.sections.contains(section),
            object.sections[section].flags.contains(.execinstr)
        else { throw fail("its replacement isn't code of this target") }
        guard function.size > 0, function.size <= UInt64(function.original.count),
            UInt64(function.original.count) - function.size < 64
        else { throw fail("\(function.original.count) original bytes for size \(function.size)") }
        guard function.address <= UInt64(Int64.max) - UInt64(function.original.count) else { throw fail("address") }
        guard function.entrySkip >= 0, function.entrySkip <= 64, function.original.count >= function.entrySkip + 5
        else {
            throw fail("no room for a trampoline")
        }
        for part in function.parts {
            guard !part.original.isEmpty, part.address <= UInt64(Int64.max) - UInt64(part.original.count) else {
                throw fail("part at \(part.address)")
            }
        }
    }

    /// No two replaced functions or written data of a target may share a byte.
    private func validateOverlaps(_ target: PatchTarget) throws(PatchFileError) {
        let ranges =
            target.functions.map { (name: $0.name, start: $0.address, count: $0.original.count) }
            + target.dataWrites.map { (name: $0.name, start: $0.address, count: $0.original.count) }
        let sorted = ranges.sorted { $0.start < $1.start }
        for (first, second) in zip(sorted, sorted.dropFirst())
        where first.start + UInt64(first.count) > second.start {
            throw PatchFileError(.malformed, "\(first.name) and \(second.name) of \(target.name) overlap")
        }
    }

    /// Every symbol that a target's sections refer to is defined in them or listed as external.
    private func validateReach(_ target: PatchTarget) throws(PatchFileError) {
        let sections = Set(target.sections)
        let externals = Set(target.externals.map(\.symbol))
        for index in target.sections {
            for relocation in object.sections[index].relocations where relocation.type != 0 {
                let symbol = object.symbols[relocation.symbol]
                let known = symbol.section.map(sections.contains) ?? externals.contains(relocation.symbol)
                guard known else {
                    throw PatchFileError(
                        .malformed, "target \(target.name): nothing says where \(symbol.name) is")
                }
            }
        }
    }
}
