import ELF
import Findings
import Linux
import LivePatch

/// One process while an operation deals with it: its memory, what it has mapped, the modules, our images.
final class ProcessSession {
    let process: ProcessID
    let memory: ProcessMemory
    /// A thread of it that has memory: the main one, unless that ended before the others.
    let alive: ProcessID
    /// The command name.
    let name: String
    private(set) var space: AddressSpace
    private(set) var modules: [LoadedModule] = []
    /// Headers of our images, in the order of their addresses.
    var installed: [InstalledPatch] = []
    /// Mappings that look like ours but whose header makes no sense.
    private(set) var damaged: [RemoteAddress] = []
    private var reader = ProcReader()

    /// Looks at a process.
    ///
    /// - Throws: a finding if it is no process that could be patched: a kernel thread, a zombie, traced by another,
    ///   out of this user's reach.
    init(_ process: ProcessID) throws(PatcherError) {
        self.process = process
        var reader = ProcReader()
        let stat = try onProcess(process) { () throws(SystemError) in try reader.stat(of: process) }
        name = stat.name
        let alive = stat.isZombie ? LiveThread.of(process) : process
        guard !stat.isKernelThread, let alive else {
            let what = stat.isZombie ? "a zombie" : "a kernel thread"
            throw PatcherError(
                Finding(.processNotUser, "process \(process) is \(what)", evidence: ["pid": "\(process)"]))
        }
        let status = try onProcess(process) { () throws(SystemError) in try reader.status(of: process) }
        if status.tracer.rawValue != 0, status.tracer.rawValue != ProcessID.current.rawValue,
            status.tracer != ThreadID.current
        {
            throw ThreadHold.refusal(.notPermitted, process.mainThread, process)
        }
        if let emulator = Emulators.of(process) {
            throw PatcherError(
                Finding(
                    .processEmulated, "process \(process) runs inside of \(emulator), which translates its code",
                    evidence: ["pid": "\(process)", "emulator": emulator]))
        }
        self.alive = alive
        memory = try ProcessMemory(alive)
        space = AddressSpace([])
        self.reader = reader
        try refresh()
    }

    /// Reads the mappings again, and what depends on them.
    func refresh() throws(PatcherError) {
        let mappings = try onProcess(process) { () throws(SystemError) in try reader.mappings(of: alive) }
        space = AddressSpace(mappings)
        let source = memory.source()
        modules = LoadedModule.all(in: space, source)
        readImages()
    }

    /// Reads only the mappings again: between two tries, new threads bring new stacks.
    func refreshMappings() throws(PatcherError) {
        let mappings = try onProcess(process) { () throws(SystemError) in try reader.mappings(of: alive) }
        space = AddressSpace(mappings)
    }

    private func readImages() {
        installed = []
        damaged = []
        for mapping in space.mappings where Self.mayBeImage(mapping) {
            do {
                if let patch = try image(at: mapping.area.start) { installed.append(patch) }
            } catch {
                damaged.append(mapping.area.start)
            }
        }
    }

    /// Our images are executable and come from a memory file of a telling name; without memory files they are
    /// anonymous.
    private static func mayBeImage(_ mapping: MemoryMapping) -> Bool {
        guard mapping.area.permissions.contains([.read, .execute]) else { return false }
        return ImageName.isOurs(mapping) || (mapping.name.isEmpty && !mapping.area.isFile)
    }

    /// The header at an address; nil if there is none of ours.
    /// - Throws: if it is ours and makes no sense.
    private func image(at start: RemoteAddress) throws -> InstalledPatch? {
        guard let fixed = HeaderCoding.start(try memory.bytes(start, HeaderCoding.fixedSize)) else { return nil }
        guard let tableAt = start.adding(UInt64(HeaderCoding.fixedSize)) else { return nil }
        let table = try memory.bytes(tableAt, fixed.tableSize)
        return try HeaderCoding.decode(fixed, table: table, foundAt: start)
    }

    /// Changes the journal of an image: one write.
    func writeJournal(_ patch: InstalledPatch) throws(PatcherError) {
        guard let at = patch.image.start.adding(HeaderCoding.journalOffset) else { return }
        try memory.write(HeaderCoding.journal(patch, tableSize: HeaderCoding.tableSize(patch)), at: at)
        if let index = installed.firstIndex(where: { $0.image.start == patch.image.start }) {
            installed[index] = patch
        }
    }

    /// Changes the journals of a plan's images, in the order given, each to the state that `state` names.
    func writeJournals(
        _ entries: some Sequence<CommitPlan.Entry>, _ state: (CommitPlan.Entry) -> InstalledPatch.State
    ) throws(PatcherError) {
        for entry in entries {
            var image = entry.image
            image.state = state(entry)
            try writeJournal(image)
        }
    }

    /// Whether the program that was looked at has ended or given way to another one.
    func isGone() -> Bool {
        // The main thread's stack is as old as the program, and stays until its end; our own images come and go.
        let kept = space.mappings.first { $0.name == "[stack]" } ?? space.mappings.first { !Self.mayBeImage($0) }
        guard let kept, (try? memory.bytes(kept.area.start, 1)) != nil else { return true }
        return (try? reader.stat(of: alive))?.isZombie != false
    }

    /// The modules with that build-id; more than one if it was loaded into several namespaces (dlmopen).
    func modules(with id: BuildID) -> [LoadedModule] { modules.filter { $0.buildID == id } }
}

/// A main thread may end before the others: then the process looks like a zombie, but lives.
enum LiveThread {
    /// A thread that hasn't ended, by whose number `/proc` shows the memory; nil if there is none.
    static func of(_ process: ProcessID) -> ProcessID? {
        var reader = ProcReader()
        for thread in (try? ThreadList.now(of: process)) ?? [] {
            let id = ProcessID(thread.rawValue)
            if let stat = try? reader.stat(of: id), !stat.isZombie { return id }
        }
        return nil
    }
}

/// The name of the memory file behind an image.
enum ImageName {
    /// How `/proc/PID/maps` shows it.
    static let prefix = "/memfd:tsugite:"

    /// Whether a mapping has such a name, or the one that anonymous memory is given in its place.
    static func isOurs(_ mapping: MemoryMapping) -> Bool {
        mapping.name.hasPrefix(prefix) || mapping.name.hasPrefix("[anon:tsugite")
    }

    /// What is given to memfd_create(2): at most 249 bytes.
    static func name(_ patch: LivePatch, _ digest: Digest) -> String {
        "tsugite:\(patch.name.prefix(128)):\(digest.short)"
    }
}
