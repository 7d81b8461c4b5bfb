import Findings
import Linux
import LivePatch

// Giving back the memory of a patch that was taken out.
//
// Its code isn't called any more, but the process may have kept addresses of it: a string of it in a list, a function
// of it in a table. So the memory stays, and is used again when the same patch comes back, unless somebody asks to
// release it. Then everything that may hold an address is searched: first while the process runs, which mostly ends
// with "nothing" or a place where one is; then under a stop of all threads, with their registers and without what
// lies below their stack pointers. Whoever has no address of a piece of memory can't come by one, so what is true
// under the stop stays true behind it, and the memory is unmapped while everybody runs.
//
// Some memory can't be judged, and then the image stays: code that was made at run time may hold addresses in parts.

/// Releases images of patches that were undone.
struct ImageRelease {
    let session: ProcessSession
    let unit: [ProcessID]
    let context: PatcherContext

    /// More can't be searched in one stop without being noticed: 256 MiB take about a tenth of a second.
    private static let most: UInt64 = 256 << 20
    private static let redZone: UInt64 = 128

    /// Releases an image that isn't in use; why it stays, if it does.
    func run(_ image: InstalledPatch) throws(PatcherError) -> String? {
        guard session.state(of: image) == .undone else { return "it is in use" }
        if !image.registrations.isEmpty { return "the process's unwinder has noted it" }
        if image.hooks.contains(where: { $0.kind == .shadow }) { return "it keeps the table of shadow variables" }
        try session.refreshMappings()
        if let reason = unsearchable() { return reason }
        let kernel = KernelReferences(session: session, context: context)
        if let holder = try kernel.holder(of: image.image) { return "\(holder) leads into it" }
        let early = reason(
            try ReferenceSearch(image.image, masks: [], of: session.process).search(areas(image), session.memory))
        if let early, !early.mayBeStale { return early.text }
        if let reason = try searchStopped(image) { return reason }
        // Once more: what was handed over between the first look and the stop.
        if let holder = try kernel.holder(of: image.image) { return "\(holder) leads into it" }
        try unmap(image)
        return nil
    }

    /// Releases several, noting in the outcome what came of it.
    func run(_ images: [InstalledPatch], _ outcome: inout ProcessOutcome) throws(PatcherError) {
        outcome.releasedBytes = 0
        for image in images {
            if let reason = try run(image) {
                outcome.kept = (outcome.kept ?? []) + ["\(image.name) in \(image.targetName): \(reason)"]
            } else {
                outcome.releasedBytes = (outcome.releasedBytes ?? 0) + image.image.count
            }
        }
    }

    private func unmap(_ image: InstalledPatch) throws(PatcherError) {
        // If we are killed in between, this is what recovery takes out.
        var leaving = image.by(context.patcher, TransactionNumber.single())
        leaving.state = .prepared
        try session.writeJournal(leaving)
        try ImageInstaller(session: session, context: context).remove([leaving])
    }

    // MARK: What is searched

    private func unsearchable() -> String? {
        let made = session.space.mappings.first { mapping in
            mapping.area.permissions.contains(.execute) && !mapping.area.isFile && !ImageName.isOurs(mapping)
                && !mapping.name.hasPrefix("[v")
        }
        if made != nil { return "code that was made at run time may hold addresses of it" }
        let total = session.space.mappings.filter(Self.mayHold).reduce(0) { $0 + $1.area.range.count }
        guard total <= Self.most else { return "\(total >> 20) MiB are too much to search in one stop" }
        return nil
    }

    /// Whether a mapping may hold addresses: memory of the process's own, or a file that it may have written to.
    private static func mayHold(_ mapping: MemoryMapping) -> Bool {
        let permissions = mapping.area.permissions
        guard permissions.contains(.read), !mapping.name.hasPrefix("[v") else { return false }
        if ImageName.isOurs(mapping) { return true }
        return permissions.contains(.write) || !permissions.contains(.shared) && !permissions.contains(.execute)
    }

    /// The ranges to be searched for addresses of an image.
    private func areas(_ image: InstalledPatch) -> [RemoteRange] {
        session.space.mappings.filter { Self.mayHold($0) && !image.image.contains($0.area.start) }.map(\.area.range)
    }

    /// What mask the C library of each thread hides addresses with: once each.
    private func masks(_ hold: borrowing ThreadHold) -> [UInt64] {
        var found: Set<UInt64> = []
        for index in 0..<hold.count {
            // The index is below the count.
            let thread = unsafe hold.threads[index]
            guard thread.phase == .stopped,
                let place = thread.registers.threadPointer.adding(PointerMangling.guardOffset),
                let word = try? session.memory.remote.word(at: place)
            else { continue }
            found.insert(word)
        }
        return Array(found)
    }

    // MARK: Under the stop

    private func searchStopped(_ image: InstalledPatch) throws(PatcherError) -> String? {
        var hold = try ThreadHold(SharedSpaces.still(unit), patience: 20_000_000, context.orphans)
        try hold.attach()
        defer { hold.letGo() }
        guard hold.stopSleepers() == .stopped, hold.stopRest() == .stopped, hold.isStill() else {
            throw unstoppable()
        }
        try session.refreshMappings()
        let search = try ReferenceSearch(image.image, masks: masks(hold), of: session.process)
        var unused: [RemoteRange] = []
        var state = [UInt8](repeating: 0, count: 16 << 10)
        for index in 0..<hold.count {
            // The index is below the count.
            let thread = unsafe hold.threads[index]
            guard thread.phase == .stopped else { continue }
            if (0...16).contains(where: { search.isReference(thread.registers.dwarfRegister($0) ?? 0) }) {
                return "a register leads into it"
            }
            guard (try? Tracing.extendedState(thread.id, into: &state)) != nil else {
                return "the vector registers of thread \(thread.id) can't be read"
            }
            if Self.words(state).contains(where: { search.isReference($0) }) { return "a register leads into it" }
            if let below = unusedStack(thread.registers) { unused.append(below) }
        }
        let ranges = areas(image).flatMap { Self.without(unused, $0) }
        return reason(search.search(ranges, session.memory))?.text
    }

    /// The part of a thread's stack that nobody has in use: below the stack pointer, down to the guard.
    private func unusedStack(_ registers: Registers) -> RemoteRange? {
        let pointer = registers.stackPointer
        guard let index = session.space.index(of: pointer) else { return nil }
        let mapping = session.space.mappings[index]
        // A stack of another kind may share its mapping with anything.
        let isGuarded =
            index > 0 && session.space.mappings[index - 1].area.end == mapping.area.start
            && session.space.mappings[index - 1].area.permissions.isEmpty
        guard mapping.name == "[stack]" || isGuarded else { return nil }
        let start = mapping.area.start.rawValue
        let end = pointer.rawValue &- Self.redZone & ~7
        return end > start ? RemoteRange(start: mapping.area.start, count: end - start) : nil
    }

    private static func without(_ unused: [RemoteRange], _ range: RemoteRange) -> [RemoteRange] {
        // A stack's unused part begins where its mapping does.
        guard let end = unused.filter({ $0.start == range.start }).map(\.count).min() else { return [range] }
        guard end < range.count, let start = range.start.adding(end) else { return [] }
        return [RemoteRange(start: start, count: range.count - end)]
    }

    private static func words(_ bytes: [UInt8]) -> [UInt64] {
        stride(from: 0, through: bytes.count - 8, by: 8).map { at in
            (0..<8).reduce(0) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
        }
    }

    // MARK: Words

    private func reason(_ result: ReferenceSearch.Result) -> (text: String, mayBeStale: Bool)? {
        switch result {
        case .nothing: return nil
        case .unreadable(let range): return ("memory at \(range.start) can't be read", false)
        case .found(let place):
            let mapping = session.space.mapping(at: place)
            let name = mapping?.name ?? ""
            // What a stack held some time ago is passed over under the stop.
            let mayBeStale = name == "[stack]" || name.isEmpty
            return ("the word at \(place)\(name.isEmpty ? "" : " in \(name)") leads into it", mayBeStale)
        }
    }

    private func unstoppable() -> PatcherError {
        PatcherError(
            Finding(
                .processUnstoppable, "process \(session.process) didn't stand still to be searched",
                evidence: ["pid": "\(session.process)"]))
    }
}
