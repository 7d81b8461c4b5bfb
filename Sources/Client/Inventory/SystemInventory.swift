import ELF
public import Linux

/// One process, and what it runs.
public struct RunningProcess: Sendable, Equatable {
    /// Its number.
    public var pid: ProcessID
    /// Its command name.
    public var name: String
    /// Its program's path, as it sees it.
    public var executable: String
    /// Whether it sees another file system than we do.
    public var isElsewhere = false
    /// Who traces it; 0 for nobody.
    public var tracer: Int32 = 0
    /// Whether its program is 32-bit.
    public var is32Bit = false
    /// The systemd unit that it belongs to.
    public var unit: String?
}

/// One binary that is in use, by build.
public struct RunningModule: Sendable, Equatable {
    /// GNU build-id in hexadecimal.
    public var buildID: String
    /// Its path, as the first process that was met sees it.
    public var path: String
    /// Whether the file was removed or replaced on disk since.
    public var isDeleted: Bool
    /// Who runs it.
    public var processes: [ProcessID]

    /// The last part of the path.
    public var shortName: String { path.split(separator: "/").last.map(String.init) ?? path }
}

/// What runs on this machine right now: the kernel, all processes, and the builds of what they have mapped.
public struct SystemInventory: Sendable, Equatable {
    /// The kernel.
    public var kernel: KernelIdentity
    /// All processes that this user may look at.
    public var processes: [ProcessID: RunningProcess] = [:]
    /// All binaries with a build-id, by build-id.
    public var modules: [String: RunningModule] = [:]
    /// Processes whose memory this user may not look at.
    public var unreadable = 0

    /// Begins with no processes.
    public init(kernel: KernelIdentity) { self.kernel = kernel }

    /// The processes that run a build, except those whose program must never be touched.
    public func users(of buildID: String, _ never: NeverList = NeverList()) -> [ProcessID] {
        guard let module = modules[buildID], never.forbids(target: module.path) == nil else { return [] }
        return module.processes.filter { process in
            processes[process].map { never.forbids(executable: $0.executable) == nil } ?? true
        }
    }
}

/// Looks through `/proc` once.
///
/// A file's build-id is read from the memory of the first process that maps it, so files that were deleted, replaced
/// or belong to another mount namespace are known like any other.
public struct InventoryScan {
    private var reader = ProcReader()
    private var builds: [FileIdentity: String?] = [:]
    private var inventory: SystemInventory
    private let ownNamespace: UInt64?

    private init(kernel: KernelIdentity) {
        inventory = SystemInventory(kernel: kernel)
        ownNamespace = try? ProcessFiles.namespace("mnt", of: .current)
    }

    /// What runs now.
    public static func now() throws(ClientError) -> SystemInventory {
        var scan = InventoryScan(kernel: try asClient { () throws(SystemError) in try KernelIdentity.current() })
        let all = try asClient { () throws(SystemError) in try ProcessList.now() }
        for process in all where process != .current { scan.look(at: process) }
        return scan.inventory
    }

    private mutating func look(at process: ProcessID) {
        guard let stat = try? reader.stat(of: process), !stat.isKernelThread, !stat.isZombie else { return }
        let mappings: [MemoryMapping]
        do throws(SystemError) {
            mappings = try reader.mappings(of: process)
        } catch {
            if !error.isGone { inventory.unreadable += 1 }
            return
        }
        var found = RunningProcess(pid: process, name: stat.name, executable: "")
        found.executable = (try? ProcessFiles.executablePath(of: process)) ?? ""
        if found.executable.hasSuffix(" (deleted)") { found.executable.removeLast(10) }
        found.isElsewhere = ownNamespace != (try? ProcessFiles.namespace("mnt", of: process))
        found.tracer = (try? reader.status(of: process))?.tracer.rawValue ?? 0
        found.is32Bit = (try? ProcessFiles.executableClass(of: process)) == .bits32
        found.unit = Self.unit(in: (try? reader.controlGroup(of: process)) ?? "")
        inventory.processes[process] = found
        for (index, mapping) in mappings.enumerated() where Self.begins(mapping) {
            let rest = mappings[index...].prefix(16)
            guard
                rest.contains(where: { $0.area.file == mapping.area.file && $0.area.permissions.contains(.execute) }
                )
            else { continue }
            add(mapping, process)
        }
    }

    private static func begins(_ mapping: MemoryMapping) -> Bool {
        mapping.area.isFile && mapping.area.offset == 0 && mapping.area.permissions.contains(.read)
            && mapping.name.hasPrefix("/") && !mapping.name.hasPrefix("/memfd:")
    }

    private mutating func add(_ mapping: MemoryMapping, _ process: ProcessID) {
        let file = mapping.area.file
        if builds[file] == nil { builds[file] = .some(Self.buildID(process, mapping.area.start)) }
        guard let id = builds[file] ?? nil else { return }
        var module =
            inventory.modules[id]
            ?? RunningModule(buildID: id, path: mapping.name, isDeleted: false, processes: [])
        if module.processes.last != process { module.processes.append(process) }
        module.isDeleted = module.isDeleted || mapping.isDeleted
        inventory.modules[id] = module
    }

    private static func buildID(_ process: ProcessID, _ start: RemoteAddress) -> String? {
        guard let memory = try? ReadableMemory(process) else { return nil }
        let source = PagedBytes { (address, count) throws(ELFError) in
            do {
                return try memory.remote.bytes(RemoteRange(start: RemoteAddress(address), count: UInt64(count)))
            } catch {
                throw ELFError(.unreadable, at: address, "memory of process \(process)")
            }
        }
        guard let image = try? MemoryImage(headerAt: start.rawValue, source) else { return nil }
        return ((try? image.buildID()) ?? nil)?.description
    }

    /// `nginx.service` from `/system.slice/nginx.service`.
    static func unit(in controlGroup: String) -> String? {
        controlGroup.split(separator: "/").last { $0.hasSuffix(".service") }.map {
            String($0.prefix { $0 != "\n" })
        }
    }
}

/// The memory of a process, open for reading, to be shared with a closure.
private final class ReadableMemory {
    let remote: RemoteMemory

    init(_ process: ProcessID) throws(SystemError) { remote = try RemoteMemory(of: process) }
}
