// One build under the tracer: every exec and every end of the process tree is looked at while the process
// stands still, so nothing can be missed or change under our hands.
//
// At an exec the program's role decides: linkers and object tools have their inputs stamped now, because now
// they exist; compilers, assemblers and linkers have their outputs stamped at their end, before whoever waits
// for them goes on and moves or deletes them. Programs of no known role are only remembered while they run:
// one of them turns out to be a GNU driver when its child is `cc1` or `as`.

import Linux

struct CaptureSession {
    /// A process of the tree.
    private struct Live {
        /// The process that made it.
        var parent: ProcessID
        /// Position in the log, once its program is in there.
        var record: Int?
        /// Its program, as far as it isn't in the log.
        var program: CapturedProcess?
    }

    /// What has been seen so far.
    private(set) var log = CaptureLog()
    /// Called for each compile that begins, with the source as spelled.
    var onCompile: (String) -> Void = { _ in }
    /// Called for each compile that begins, with the source's absolute path as the build sees it.
    var onSource: (String) -> Void = { _ in }

    private var probe: ObjectProbe
    private var live: [ProcessID: Live] = [:]
    private var reader = ProcReader()
    private let snapshots: String

    /// - Parameter snapshots: real path of a folder that takes a copy of each linked file.
    init(tree: BuildTree, startedAt: UInt64, snapshots: String) {
        probe = ObjectProbe(tree: tree, startedAt: startedAt)
        self.snapshots = snapshots
    }

    /// Takes note of one event; the process stands still meanwhile.
    ///
    /// - Throws: only if a snapshot can't be written (disk full). A process that is killed while it is looked at
    ///   answers with errors from /proc and is passed over.
    mutating func handle(_ event: ProcessTreeTracer.Event) throws(SystemError) {
        switch event {
        case .fork(let child, let parent):
            if live[child] == nil { live[child] = Live(parent: parent, record: nil, program: nil) }
            inherit(child, from: parent)
        case .exec(let process, let parent): exec(process, parent: parent)
        case .ending(let process): try ending(process)
        case .exit(let process, let status):
            if let record = live.removeValue(forKey: process)?.record {
                log.processes[record].succeeded = status == .exited(code: 0)
            }
        }
    }

    /// A child that has not started a program of its own is still its parent's program.
    private mutating func inherit(_ child: ProcessID, from parent: ProcessID) {
        guard let program = live[parent]?.program else { return }
        live[child]?.program = program
    }
}

// MARK: - begin

extension CaptureSession {
    private mutating func exec(_ process: ProcessID, parent: ProcessID) {
        let parent = live[process]?.parent ?? parent
        live[process] = Live(parent: parent, record: nil, program: nil)
        guard let program = program(of: process) else { return }
        live[process]?.program = program
        if program.role != .other {
            record(process)
            if let number = live[process]?.record { lookAtInputs(number) }
            if [.compilerC, .compilerCxx, .clangDriver].contains(program.role),
                let source = DriverArguments(program.arguments).sources.first
            {
                onCompile(source.path)
                onSource(program.absolute(source.path))
            }
        }
    }

    private mutating func program(of process: ProcessID) -> CapturedProcess? {
        guard let root = try? ProcessFiles.foreignRoot(of: process),
            let executable = (try? ProcessFiles.executablePath(of: process))?.without(root),
            let directory = (try? ProcessFiles.workingDirectory(of: process))?.without(root),
            let raw = try? reader.arguments(of: process)
        else { return nil }
        let role = ToolRole(executable: executable, arguments: raw)
        let tree = probe.tree
        let arguments = ResponseFile.expanded(raw) { path in
            try? FileSystem.read(tree.real(BuildPath.absolute(path, in: directory)), limit: 64 << 20)
        }
        let environment = role == .other ? [] : ((try? reader.environment(of: process)) ?? [])
        return CapturedProcess(
            id: 0, parent: nil, role: role, executable: executable, arguments: arguments, directory: directory,
            environment: CompilerEnvironment.kept(environment), inputs: [], outputs: [], succeeded: false)
    }

    /// Puts a process's program into the log, behind its parent's, which may be a driver.
    private mutating func record(_ process: ProcessID) {
        guard let entry = live[process], entry.record == nil, var program = entry.program else { return }
        if program.role != .other, live[entry.parent]?.program != nil { record(entry.parent) }
        program.id = log.processes.count
        program.parent = live[entry.parent]?.record
        log.processes.append(program)
        live[process]?.record = program.id
    }

    private mutating func lookAtInputs(_ number: Int) {
        let process = log.processes[number]
        switch process.role {
        case .linker: log.processes[number].inputs = LinkInputs.find(for: process, &probe)
        case .objectTool: log.processes[number].inputs = namedFiles(process)
        default: break
        }
    }

    /// Every object among the arguments.
    private mutating func namedFiles(_ process: CapturedProcess) -> [FileStamp] {
        var stamps: [FileStamp] = []
        for argument in process.arguments.dropFirst() where !argument.hasPrefix("-") {
            stamps += probe.stamps(process.absolute(argument)).filter { !$0.isSystem }
        }
        return stamps
    }
}

// MARK: - end

extension CaptureSession {
    private mutating func ending(_ id: ProcessID) throws(SystemError) {
        guard let number = live[id]?.record else { return }
        let process = log.processes[number]
        var outputs: [FileStamp] = []
        switch process.role {
        case .objectTool: outputs = namedFiles(process)
        case .compilerC, .compilerCxx, .compilerOther, .linkTimeCompiler: break
        default:
            for path in Self.outputPaths(of: process) {
                outputs += probe.stamps(process.absolute(path)).filter { !$0.isSystem && $0.member == nil }
            }
        }
        log.processes[number].outputs = outputs
        if process.role == .linker, let output = outputs.first, output.kind == .image { try keep(output) }
    }

    /// The files that a program of this role writes, as spelled.
    private static func outputPaths(of process: CapturedProcess) -> [String] {
        switch process.role {
        case .linker:
            let arguments = LinkerArguments(process.arguments)
            return arguments.makesNothing ? [] : [arguments.output]
        case .other, .clangDriver:
            let arguments = DriverArguments(process.arguments)
            guard arguments.mode == .object else { return [] }
            if let output = arguments.output { return [output] }
            return arguments.sources.map { DriverArguments.defaultObject(for: $0.path) }
        case .intelAssembler:
            if let output = option("-o", process.arguments) { return [output] }
            return process.arguments.last.map { [DriverArguments.defaultObject(for: $0)] } ?? []
        default: return [option("-o", process.arguments) ?? "a.out"]
        }
    }

    /// The value of the last `-o VALUE` or, as `as` takes it too, `-oVALUE`.
    private static func option(_ name: String, _ arguments: [String]) -> String? {
        if let index = arguments.lastIndex(of: name) {
            return index + 1 < arguments.count ? arguments[index + 1] : nil
        }
        return arguments.last { $0.hasPrefix(name) && !$0.hasPrefix("-object") }
            .map { String($0.dropFirst(name.count)) }
    }

    /// Copies a linked file aside, because the build may strip it in place.
    private func keep(_ output: FileStamp) throws(SystemError) {
        let place = snapshots + "/" + output.digest
        if FileFacts.exists(place) { return }
        let bytes = try FileSystem.read(probe.tree.real(output.path))
        let file = try OwnedDescriptor.open(place + ".new", [.writeOnly, .create, .truncate], mode: 0o644)
        try file.writeAll(bytes, name: place)
        try FileSystem.rename(place + ".new", to: place)
    }
}

extension String {
    /// A path below a root, as it is from there on.
    fileprivate func without(_ root: String) -> String {
        guard !root.isEmpty, hasPrefix(root) else { return self }
        let rest = dropFirst(root.count)
        return rest.isEmpty ? "/" : rest.hasPrefix("/") ? String(rest) : self
    }
}
