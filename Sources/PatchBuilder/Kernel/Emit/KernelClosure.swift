// Which parts of the post objects go into the module, and which functions it replaces.
//
// Start: every function that changed and that the kernel has. A function is replaced by redirecting the call
// of the tracer at its entry, so one without that call can't be; its callers are replaced instead, and it comes
// along as their private copy. Then whatever the included code refers to:
//
//     new functions and data, strings, unnamed constants     come along
//     changed functions, called                              the new one
//     changed functions, their address taken                 the old one: it redirects, and outlives the patch
//     everything else                                        the kernel's own
//
// What a running kernel can't take over from the patch is refused by name: a changed constant that other code
// reads, a variable with another size or another start value, a function that ran only at the start.

import ELF
import Findings
import KernelImage

/// A function that the module replaces.
struct ReplacedKernelFunction: Equatable {
    let unit: Int
    let post: Int
    let pre: Int
    let address: UInt64
    /// Why it is replaced.
    let reason: String
}

struct KernelClosure {
    let units: [KernelPatchUnit]
    let resolver: KernelResolver
    /// Functions that the module replaces.
    private(set) var replaced: [ReplacedKernelFunction] = []
    /// Pieces in the order in which they were found.
    private(set) var pieces: [KernelPiece] = []
    /// Everything that stands in the way.
    private(set) var refusals: [BuildError] = []
    /// What the reader of the report should know.
    private(set) var notes: [String] = []
    private var known: Set<KernelPiece> = []
    /// Records of tables that come along.
    private(set) var records: [KernelRecord] = []
    private var knownRecords: Set<KernelRecord> = []

    init(_ units: [KernelPatchUnit], _ resolver: KernelResolver) {
        self.units = units
        self.resolver = resolver
    }

    mutating func run() {
        findReplaced()
        for unit in units.indices { checkData(unit) }
        for function in replaced { include(unit: function.unit, entity: function.post) }
        for unit in units.indices { includeHooks(unit) }
        var next = 0
        repeat {
            while next < pieces.count {
                follow(pieces[next])
                next += 1
            }
            // Records of code that is new here may need more code, as alternatives do.
            collectRecords()
        } while next < pieces.count
    }

    private mutating func refuse(_ unit: Int, _ entity: String, _ reason: String, remedy: String? = nil) {
        let error = BuildError(
            .kernelRefused, "\(entity) in \(units[unit].name): \(reason)",
            evidence: ["unit": units[unit].name, "entity": entity, "reason": reason], remedy: remedy)
        if !refusals.contains(error) { refusals.append(error) }
    }

    /// Whether a piece is in the module.
    func contains(_ piece: KernelPiece) -> Bool { known.contains(piece) }

    /// The piece in which an entity travels.
    func piece(unit: Int, entity: Int) -> KernelPiece {
        let found = units[unit].post.entities[entity]
        return KernelPiece(unit: unit, section: found.section, range: found.range)
    }

    private mutating func include(unit: Int, entity: Int) {
        let piece = piece(unit: unit, entity: entity)
        if known.insert(piece).inserted { pieces.append(piece) }
    }
}

// MARK: - what is replaced

extension KernelClosure {
    private mutating func findReplaced() {
        for unit in units.indices {
            for change in units[unit].comparison.functions {
                guard let post = change.post else {
                    continue
                }
                replace(unit, post, reason: Self.describe(change.status), from: [])
            }
        }
    }

    private static func describe(_ status: FunctionChange.Status) -> String {
        switch status {
        case .changed(let offset): "changed at +0x" + String(offset, radix: 16)
        case .family(let name): "part of \(name)"
        case .usesData(let names): "uses \(names.joined(separator: ", "))"
        case .new: "new"
        case .removed: "removed"
        }
    }

    /// Replaces a function, or those that call it if it can't be.
    private mutating func replace(_ unit: Int, _ post: Int, reason: String, from chain: [Int]) {
        let entity = units[unit].post.entities[post]
        let section = units[unit].post.sections[entity.section].name
        guard let pre = units[unit].comparison.correlation.preOf[post],
            !replaced.contains(where: { $0.unit == unit && $0.post == post }), !chain.contains(post)
        else { return }
        if KernelSections.isInit(section) {
            notes.append(
                "\(entity.name) in \(units[unit].name) ran when the kernel started; its change has no effect")
            return
        }
        if KernelSections.isIgnored(section) || entity.parsedName.isCold { return }
        switch units[unit].proofs[pre] {
        case .proven:
            guard let address = units[unit].addresses[pre] else { return }
            if units[unit].isTraced(address) {
                replaced.append(
                    ReplacedKernelFunction(unit: unit, post: post, pre: pre, address: address, reason: reason))
            } else {
                replaceCallers(unit, post, chain: chain + [post])
            }
        case .mismatch(let mismatch):
            if !refusals.contains(mismatch.error) { refusals.append(mismatch.error) }
        case .overridden:
            notes.append("\(entity.name) in \(units[unit].name) isn't used: another function took its place")
        // Not in the kernel: whoever has it inlined differs by himself.
        case .absent, nil: break
        }
    }

    private mutating func replaceCallers(_ unit: Int, _ post: Int, chain: [Int]) {
        let entity = units[unit].post.entities[post]
        let users = units[unit].post.users(of: post).filter { !chain.contains($0) }
        if entity.isGlobal || users.isEmpty
            || users.contains(where: { units[unit].post.entities[$0].kind != .function })
        {
            refuse(
                unit, entity.name,
                "it can't be redirected (no tracing at its entry), and others than its own file use it")
            return
        }
        notes.append("\(entity.name) can't be redirected, so its callers are replaced")
        for user in users { replace(unit, user, reason: "calls \(entity.name)", from: chain) }
    }

    /// Functions that the module runs by itself when it is applied or undone.
    private mutating func includeHooks(_ unit: Int) {
        for section in units[unit].post.sections where section.name.hasPrefix(KernelHooks.prefix) {
            for reference in section.references {
                if case .entity(let entity) = reference.target { include(unit: unit, entity: entity) }
            }
        }
    }
}

// MARK: - data that changed

extension KernelClosure {
    private mutating func checkData(_ unit: Int) {
        let model = units[unit].post
        for change in units[unit].comparison.data {
            let section =
                change.post.map { model.sections[model.entities[$0].section].name }
                ?? change.pre.map { units[unit].pre.sections[units[unit].pre.entities[$0].section].name } ?? ""
            if KernelSections.isIgnored(section) || KernelSections.isBookkeeping(section) { continue }
            switch change.kind {
            case .newReadOnly, .newWritable, .newThreadLocal, .ambiguous: continue
            case .removed: notes.append("\(change.name) is no longer used; the kernel keeps it")
            case .changedReadOnly where change.isTakenAlong: continue
            case .changedReadOnly:
                if isUsed(unit, change) {
                    refuse(
                        unit, change.name, "a constant changed that other code reads too", remedy: Self.hookRemedy)
                }
            case .changedInitialValue:
                refuse(
                    unit, change.name, "its start value changed, and the running kernel keeps its value",
                    remedy: Self.hookRemedy)
            case .resized(let from, let to):
                refuse(unit, change.name, "its size changed from \(from) to \(to) bytes", remedy: Self.hookRemedy)
            case .moved(let isWritable):
                refuse(unit, change.name, isWritable ? "it became writable" : "it became constant")
            case .constructors:
                refuse(unit, change.name, "what runs at the start changed")
            }
        }
        checkSections(unit)
    }

    private static let hookRemedy =
        "Set the value from a callback in the fix (see docs/kernel-hooks.md), or reboot into the fixed kernel."

    private func isUsed(_ unit: Int, _ change: DataChange) -> Bool {
        change.isGlobal || change.post.map { !units[unit].post.users(of: $0).isEmpty } ?? true
    }

    /// Sections of a kind that nobody knows here may hold anything; they must not change.
    private mutating func checkSections(_ unit: Int) {
        func sizes(_ model: ObjectModel) -> [String: Int] {
            var sizes: [String: Int] = [:]
            for section in model.sections where isUnknown(section.name) {
                sizes[section.name, default: 0] += section.size
            }
            return sizes
        }
        let (before, after) = (sizes(units[unit].pre), sizes(units[unit].post))
        for name in Set(before.keys).union(after.keys).sorted() where before[name] != after[name] {
            refuse(unit, name, "a section of a kind that isn't known changed its size")
        }
    }

    private func isUnknown(_ name: String) -> Bool {
        !KernelSections.isIgnored(name) && !KernelSections.isBookkeeping(name) && !KernelSections.isPlain(name)
            && !KernelSections.isPerCPU(name)
            && !resolver.tables.contains {
                $0.section == name || $0.policy == .paired(name)
            }
    }
}

// MARK: - where references lead

extension KernelClosure {
    private mutating func follow(_ piece: KernelPiece) {
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

    private mutating func follow(_ reference: Reference, unit: Int, from piece: KernelPiece?) {
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
    private static func isPointer(_ reference: Reference) -> Bool {
        switch X86_64Relocation(rawValue: reference.type) {
        case .abs64, .abs32, .abs32s, .pc64: reference.addend == 0
        case .pc32: reference.addend == -4
        default: false
        }
    }

    /// A global function or variable that another unit of the patch defines.
    private func definition(of name: String, besides index: Int) -> (unit: Int, entity: Int)? {
        for (other, unit) in units.enumerated() where other != index {
            if let entity = unit.post.entities(named: name).first(where: \.isGlobal) {
                return (other, entity.index)
            }
        }
        return nil
    }

    private func destination(entity index: Int, unit: Int, isPointer: Bool) -> Result<KernelDestination, BuildError>
    {
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

    private func destination(data entity: Entity, unit: Int) -> Result<KernelDestination, BuildError> {
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
        case .ambiguous:
            return failure(unit, entity.name, "several variables have its name; which one is meant can't be told")
        default:
            if let own = own(entity, unit) { return own }
            // A constant may be used as a copy; a variable is one only.
            if !section.isWritable { return .success(included) }
            return failure(unit, entity.name, "where the kernel has this variable can't be told")
        }
    }

    private func failure(_ unit: Int, _ entity: String, _ reason: String) -> Result<KernelDestination, BuildError> {
        .failure(
            BuildError(
                .kernelRefused, "\(entity) in \(units[unit].name): \(reason)",
                evidence: ["unit": units[unit].name, "entity": entity, "reason": reason]))
    }

    /// The kernel's own counterpart of an entity, if it has one that can be named.
    private func own(_ entity: Entity, _ unit: Int) -> Result<KernelDestination, BuildError>? {
        guard let address = units[unit].oldAddress(ofPost: entity.index) else { return nil }
        return resolver.symbol(at: address, names: [entity.name] + entity.aliases, in: units[unit]).map {
            .success($0)
        }
    }
}

// MARK: - records of tables

extension KernelClosure {
    private mutating func collectRecords() {
        for (index, unit) in units.enumerated() {
            for table in resolver.tables {
                for (section, found) in unit.post.sections.enumerated() where found.name == table.section {
                    collect(KernelRecordReader(unit.post, section, table), unit: index)
                }
            }
        }
    }

    private mutating func collect(_ reader: KernelRecordReader, unit: Int) {
        for at in reader.starts {
            guard let code = reader.reference(at, field: reader.table.codeField),
                case .entity(let entity) = code.target,
                contains(piece(unit: unit, entity: entity))
            else { continue }
            let record = KernelRecord(unit: unit, section: reader.section, at: at, table: reader.table)
            guard knownRecords.insert(record).inserted else { continue }
            if isDropped(record, reader) { continue }
            records.append(record)
            for reference in reader.references(at) { follow(reference, unit: unit, from: nil) }
        }
    }

    /// Keys of jump labels and static calls must be the kernel's own: the module loader prepares these tables
    /// before the patched module's symbols are known, and would read a key at a wrong address.
    ///
    /// A static call without its record still goes through the trampoline, which is always right. A jump label
    /// without its record stays as it was compiled, so it may be left out only if that is harmless: a tracepoint
    /// that can't be switched on in the new code.
    private mutating func isDropped(_ record: KernelRecord, _ reader: KernelRecordReader) -> Bool {
        let key: Int
        switch record.table.policy {
        case .jumpLabel(let field), .staticCall(let field): key = field
        default: return false
        }
        guard let reference = reader.reference(record.at, field: key),
            case .success(.symbol(let object, let name, _)) = destination(
                of: reference, unit: record.unit, from: nil),
            object != "vmlinux"
        else { return false }
        let function =
            reader.reference(record.at, field: record.table.codeField)
            .map { units[record.unit].post.describe($0.target) } ?? ""
        if case .staticCall = record.table.policy {
            notes.append("\(function) calls through the trampoline of \(name)")
        } else if name.hasPrefix("__tracepoint_") || name.hasPrefix("descriptor.")
            || name.hasPrefix("__UNIQUE_ID_ddebug")
        {
            notes.append("\(function): \(name) can't be switched on in the new code")
        } else {
            refuse(
                record.unit, function,
                "it has a jump label whose key \(name) is in the module \(object), which can't be prepared in time",
                remedy: "Use static_key_enabled(&\(name)) instead of static_branch_*() in the fix.")
        }
        return true
    }
}
