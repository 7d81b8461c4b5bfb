import Channel
import ELF
import Findings
import KernelPatcher
import Linux
import LivePatch
import ProcessPatcher
import Synchronization
import Testing

@testable import Client

/// A kernel as the client sees one: remembers what it was told.
final class RecordingKernel: KernelEngine {
    let calls = Mutex<[String]>([])
    let applied = Mutex<Set<String>>([])
    let outcome: KernelReport.Result
    /// What it has against the patch that it is given.
    let findings: [Finding]
    /// What it has against the patches that it carries.
    let troubles: [Finding]

    init(_ outcome: KernelReport.Result = .applied, _ findings: [Finding] = [], troubles: [Finding] = []) {
        self.outcome = outcome
        self.findings = findings
        self.troubles = troubles
    }

    private func note(_ call: String) { calls.withLock { $0.append(call) } }
    private static func name(_ file: String) -> String { String(file.split(separator: "/").last?.prefix(4) ?? "") }

    func effective() -> EffectiveKernel { EffectiveKernel(booted: "6.1", []) }
    func isInEffect(_ file: String) -> Bool { applied.withLock { $0.contains(Self.name(file)) } }
    func apply(_ file: String, replaces: Bool, wait: Duration) -> KernelReport {
        note("apply \(Self.name(file))\(replaces ? " replacing" : "")")
        if outcome == .applied { _ = applied.withLock { $0.insert(Self.name(file)) } }
        var report = KernelReport("apply", outcome, name: "fix", module: "tsugite_fix")
        report.findings = findings
        return report
    }
    func undo(_ sha256: String, file: String, wait: Duration) -> KernelReport {
        note("undo \(Self.name(file))")
        _ = applied.withLock { $0.remove(Self.name(file)) }
        return KernelReport("undo", .applied, name: "fix", module: "tsugite_fix")
    }
    func keep(_ file: String) { note("keep \(Self.name(file))") }
    func resume() { note("resume") }
    func trouble() -> [Finding] { troubles }
}

/// No process carries anything.
struct NoProcesses: PatchEngine {
    func memory() -> [ProcessID: Set<String>] { [:] }
    func apply(_ files: [String], to processes: [ProcessID], wait: Duration) -> OperationReport {
        OperationReport(operation: "apply", processes: [])
    }
    func undo(_ sha256: String, wait: Duration) -> OperationReport {
        OperationReport(operation: "undo", processes: [])
    }
}

/// A machine below a folder, with a kernel that only remembers.
struct KernelMachine: ~Copyable {
    let folder: TemporaryDirectory
    let kernel: RecordingKernel
    let session: Session
    let running: KernelIdentity

    init(_ outcome: KernelReport.Result = .applied) throws { try self.init(RecordingKernel(outcome)) }

    init(_ kernel: RecordingKernel) throws {
        let made = try TemporaryDirectory(prefix: "tsugite-client")
        try FileSystem.makeDirectory(made.path + "/etc/tsugite")
        try FileSystem.replace(
            made.path + "/etc/tsugite/tsugite.yaml", with: "channels:\n  - label: stable\n    url: /nowhere\n")
        let session = try Session(paths: Paths(root: made.path), engine: NoProcesses(), kernel: kernel)
        let running = try KernelIdentity.current()
        self.running = running
        self.kernel = kernel
        self.session = session
        folder = made
    }

    /// An update whose file is in the store, for the running kernel or another one.
    func update(_ id: String, isForRunning: Bool = true, supersedes: [String] = []) throws -> InstalledUpdate {
        let bytes = Array(id.utf8)
        let sha256 = Digest(of: bytes).description
        let files = PatchStore(session.store.paths)
        try FileSystem.makeDirectory(files.folder)
        try FileSystem.replace(files.path(sha256), with: bytes)
        return InstalledUpdate(
            id: id, channel: "stable", family: "kernel/6.1", effectiveVersion: "6.1-2", advisories: [], summary: "",
            undo: "safe", supersedes: supersedes,
            patches: [
                .init(
                    sha256: sha256, buildID: isForRunning ? running.buildID ?? "" : "00", path: "x",
                    length: bytes.count)
            ])
    }

    func carryOut(_ action: Plan.Action, _ update: InstalledUpdate, trialSeconds: Int? = nil) throws -> ActionReport
    {
        var plan = Plan(.install)
        plan.steps = [.init(action: action, update: update, processes: 0, reason: "")]
        return try session.carryOut(plan, verb: "test", trialSeconds: trialSeconds)
    }

    var calls: [String] { kernel.calls.withLock { $0.map { String($0.split(separator: " ")[0]) } } }
}

@Suite struct KernelUpdateTests {
    @Test func `an update for the running kernel is offered until the kernel has it`() throws {
        var world = World()
        try world.offer("K", build: "cc", family: "kernel/6.1")
        try world.offer("L", build: "dd", family: "kernel/6.1")
        #expect(world.outcome == ["+K"])
        #expect(world.planner.upgrade().steps[0].processes == 0)
        #expect(world.planner.upgrade(.user).steps.isEmpty)
        #expect(world.planner.upgrade(.kernel).steps.map(\.update.id) == ["K"])
        world.install("K", in: [])
        #expect(world.outcome == ["+K"])
        #expect(world.planner.upgrade().steps[0].reason == "the running kernel lacks it")
        world.kernelMemory = [world.digest(of: "K")]
        #expect(world.outcome == [])
    }

    @Test func `the kernel's own replay brings its part back, not the client's`() throws {
        var world = World()
        try world.offer("K", build: "cc", family: "kernel/6.1")
        try world.offer("A")
        world.install("K", in: [])
        world.install("A", in: [10])
        #expect(world.planner.boot().steps.map(\.update.id) == ["A"])
        #expect(world.planner.remove().steps.map(\.update.id) == ["A", "K"])
    }

    @Test func `installing applies and keeps, removing undoes`() throws {
        let machine = try KernelMachine()
        let update = try machine.update("K")
        try #require(machine.running.buildID != nil)
        #expect(try machine.carryOut(.install, update).outcome == .applied)
        #expect(machine.calls == ["apply", "keep"])
        #expect(try machine.session.planner().kernelMemory.count == 1)
        let report = try machine.carryOut(.remove, update)
        #expect(report.steps.first?.kernel.map(\.operation) == ["undo"])
        #expect(machine.calls == ["apply", "keep", "undo"])
        #expect(try machine.session.store.state().installed.isEmpty)
    }

    @Test func `only an update that supersedes may take others' place`() throws {
        let machine = try KernelMachine()
        try #require(machine.running.buildID != nil)
        _ = try machine.carryOut(.install, try machine.update("K"))
        _ = try machine.carryOut(.install, try machine.update("L", supersedes: ["K"]))
        #expect(
            machine.kernel.calls.withLock { $0.map { $0.hasSuffix("replacing") } } == [false, false, true, false])
        #expect(try machine.session.store.state().installed.map(\.id) == ["L"])
    }

    @Test func `what is on trial isn't kept for the next boot before it is accepted`() throws {
        let machine = try KernelMachine()
        try #require(machine.running.buildID != nil)
        _ = try machine.carryOut(.install, try machine.update("K"), trialSeconds: 600)
        #expect(machine.calls == ["apply"])
        try machine.session.accept("K")
        #expect(machine.calls == ["apply", "keep"])
    }

    @Test func `another kernel's update is left alone, and a stalled one isn't installed`() throws {
        let other = try KernelMachine()
        #expect(try other.carryOut(.install, try other.update("K", isForRunning: false)).outcome == .nothingToDo)
        #expect(other.calls.isEmpty)
        let stalled = try KernelMachine(.deferred)
        try #require(stalled.running.buildID != nil)
        #expect(try stalled.carryOut(.install, try stalled.update("K")).outcome == .deferred)
        #expect(stalled.calls == ["apply"])
        #expect(try stalled.session.store.state().installed.isEmpty)
    }
}
