import ELF
import Findings
import Linux
import LivePatch

// Making the unwind tables of new code known to the process's own unwinder (libgcc), so that C++ exceptions,
// backtraces and the cancelling of threads pass through it.
//
// The unwinder looks for a function's table in its own list first, then in what the dynamic linker has loaded. Our
// images are in neither, so we have a borrowed thread call `__register_frame_info`, which puts a note of 56 bytes,
// in memory that we give it, into the list. The call takes the list's lock. A thread that holds that lock is inside
// libgcc: no thread is borrowed that has a word of libgcc's code on its stack. Since GCC 13 the call allocates memory
// as well, so there the thread has to be in a system call that no allocator makes.
//
// The note stays in the list for good: an image that was ever registered is never unmapped. Before the call its
// journal therefore says `undone`, the state of images that are kept for later use; killed at any instant, we leave
// a process whose list leads to memory that is there.

/// Registers the unwind tables of images.
struct FrameRegistrar {
    let session: ProcessSession
    let context: PatcherContext

    private static let name = "__register_frame_info"
    private static let limit = Duration.milliseconds(500)
    /// mmap, mprotect, munmap, brk, madvise, futex: made by allocators, or with a lock in hand.
    private static let allocating: Set<Int64> = [9, 10, 11, 12, 28, 202]

    /// The unwinder's function that takes tables, in the module that the dynamic linker would choose.
    static func function(in session: ProcessSession) -> (address: RemoteAddress, module: LoadedModule)? {
        for module in SearchOrder.of(session) {
            guard let found = try? module.image.dynamicSymbols()?.find(name, version: nil),
                !found.symbol.isUndefined
            else { continue }
            return (RemoteAddress(found.symbol.value &+ module.bias), module)
        }
        return nil
    }

    /// Whether code of the target handles exceptions, so that without a registration it would end the program.
    static func isNeeded(by target: PatchTarget, _ object: PatchObject) -> Bool {
        target.sections.contains { object.sections[$0].name.hasPrefix(".gcc_except_table") }
    }

    /// Why a patch can't be applied without an unwinder.
    static func missing(_ session: ProcessSession, _ target: PatchTarget) -> PatcherError {
        PatcherError(
            Finding(
                .processUnwinder, "process \(session.process) has no unwinder that new code could be made known to",
                evidence: ["pid": "\(session.process)", "target": target.name]))
    }

    /// Registers what isn't yet.
    func register(_ images: [InstalledPatch]) throws(PatcherError) {
        for image in images where !image.registrations.isEmpty { try register(image) }
    }

    private func register(_ image: InstalledPatch) throws(PatcherError) {
        var open: [(table: RemoteRange, note: RemoteAddress)] = []
        for (table, note) in zip(image.unwindTables, image.registrations) where try session.memory.word(note) == 0 {
            open.append((table, note))
        }
        guard !open.isEmpty, let unwinder = Self.function(in: session) else { return }
        if session.state(of: image) == .prepared {
            var kept = image
            kept.state = .undone
            try session.writeJournal(kept)
        }
        for (table, note) in open {
            try call(unwinder, table, note)
            guard try session.memory.word(note) != 0 else { throw failed("it noted nothing") }
        }
    }

    private func call(
        _ unwinder: (address: RemoteAddress, module: LoadedModule), _ table: RemoteRange, _ note: RemoteAddress
    ) throws(PatcherError) {
        let code = session.space.mappings.filter {
            $0.area.file == unwinder.module.file && $0.area.permissions.contains(.execute)
        }.map { RemoteRange(start: $0.area.start, count: $0.area.end.rawValue - $0.area.start.rawValue) }
        let allocates = Self.allocates(unwinder.module)
        let (space, memory) = (session.space, session.memory)
        // Held in the dynamic linker, which allocates nothing at that point.
        let isHeld = context.custody != nil
        var borrowed = try context.borrow(session) { thread in
            let isQuiet = thread.systemCall >= 0 && !Self.allocating.contains(thread.systemCall)
            return (isQuiet || !allocates || isHeld) && !thread.mayBeIn(code, space, memory.remote)
        }
        let returned: Bool
        do throws(SystemError) {
            returned = try borrowed.callFunction(
                unwinder.address, [table.start.rawValue, note.rawValue, 0], within: Self.limit, memory.remote)
            try borrowed.giveBack()
        } catch {
            throw PatcherError(error, session.process)
        }
        guard returned else { throw failed("it didn't return") }
    }

    /// Whether registering allocates memory: since GCC 13, whose libgcc has the arithmetic of `__bf16`.
    private static func allocates(_ module: LoadedModule) -> Bool {
        guard let found = try? module.image.dynamicSymbols()?.find("__truncsfbf2", version: nil) else {
            return false
        }
        return !found.symbol.isUndefined
    }

    private func failed(_ why: String) -> PatcherError {
        PatcherError(
            Finding(
                .processUnwinder,
                "the unwinder of process \(session.process) didn't take the tables of the new code: \(why)",
                evidence: ["pid": "\(session.process)"]))
    }
}
