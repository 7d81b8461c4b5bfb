import Channel
import Linux
import Testing

@testable import Client

/// A machine as values: what runs, what is in memory, what is on offer.
struct World {
    var configuration = Configuration()
    var state = ClientState()
    var never = NeverList()
    var inventory = SystemInventory(
        kernel: KernelIdentity(release: "6.1", version: "#1", buildID: "cc", bootID: "boot-1"))
    var memory: [ProcessID: Set<String>] = [:]
    var kernelMemory: Set<String> = []
    var catalogue = Catalogue(version: 1, expires: UTCTime(seconds: 0))
    /// Whether the channel was ever reached.
    var isReached = true
    /// What the last action came to.
    var lastAction: ActionReport?

    /// One channel, and two processes that run build `aa`.
    init() {
        configuration.channels = [.init(label: "stable", url: "x", trustedRoot: "y")]
        for pid in [ProcessID(10), ProcessID(11)] {
            inventory.processes[pid] = RunningProcess(pid: pid, name: "web", executable: "/usr/sbin/web")
        }
        inventory.modules["aa"] = RunningModule(
            buildID: "aa", path: "/usr/lib/libssl.so.3", isDeleted: false,
            processes: [ProcessID(10), ProcessID(11)])
    }

    /// Puts an update on offer.
    mutating func offer(
        _ id: String, build: String = "aa", version: String = "2.0", family: String = "user/libssl3",
        _ change: (inout UpdateDescription) -> Void = { _ in }, rings: [String] = []
    ) throws {
        var update = UpdateDescription(id: id, effectiveVersion: version)
        change(&update)
        let target = TargetFile(
            path: "\(family)/\(build)/\(id).tsp", length: 1, hashes: FileHashes(of: Array(id.utf8)),
            custom: update.custom)
        var entry = try #require(Catalogue.Entry(target, rings: []))
        entry.rings = rings
        catalogue.entries.append(entry)
    }

    func digest(of id: String) -> String { catalogue.entries.first { $0.update.id == id }?.sha256 ?? "" }

    var planner: Planner {
        Planner(
            configuration: configuration, never: never, state: state, inventory: inventory, memory: memory,
            kernelMemory: kernelMemory, catalogues: isReached ? ["stable": catalogue] : [:])
    }

    /// What an upgrade would do: `+id`, `-id`, and what it leaves out: `!id`.
    var outcome: [String] {
        let plan = planner.upgrade()
        return plan.steps.map { ($0.action == .install ? "+" : "-") + $0.update.id }
            + plan.omitted.map { "!" + $0.id }
    }

    mutating func install(_ id: String, in processes: [Int32]) {
        guard let candidate = planner.candidates().first(where: { $0.update.id == id }) else { return }
        state.installed.append(candidate.update)
        for pid in processes { memory[ProcessID(pid), default: []].insert(digest(of: id)) }
    }
}

/// Which updates go in, which come out, and why the others stay out.
@Suite struct PlannerTests {
    @Test func `an update for a build that runs is installed, and one for another build isn't mentioned`() throws {
        var world = World()
        try world.offer("A")
        try world.offer("B", build: "bb")
        #expect(world.outcome == ["+A"])
        #expect(world.planner.upgrade().steps[0].processes == 2)
    }

    @Test func `what is in memory everywhere is nothing to do`() throws {
        var world = World()
        try world.offer("A")
        world.install("A", in: [10, 11])
        #expect(world.outcome == [])
    }

    @Test func `an installed update goes into processes that were started since`() throws {
        var world = World()
        try world.offer("A")
        world.install("A", in: [10])
        #expect(world.outcome == ["+A"])
        #expect(world.planner.upgrade().steps[0].reason == "1 new processes without it")
    }

    @Test func `an update that another one replaces isn't installed`() throws {
        var world = World()
        try world.offer("A")
        try world.offer("B", { $0.supersedes = ["A"] })
        #expect(world.outcome == ["+B"])
    }

    @Test func `a held update leaves the older one installable`() throws {
        var world = World()
        try world.offer("A")
        try world.offer("B", { $0.supersedes = ["A"] })
        world.state.held = ["B"]
        #expect(world.outcome == ["+A", "!B"])
    }

    @Test(arguments: ["B", "user/libssl3", "libssl3"])
    func `a hold names an update, a family or a package`(name: String) throws {
        var world = World()
        try world.offer("B")
        world.configuration.hold = [name]
        #expect(world.outcome == ["!B"])
        #expect(world.planner.upgrade(only: ["B"]).steps.count == 1)
    }

    @Test func `a pin stops above a version`() throws {
        var world = World()
        try world.offer("A", version: "3.0.9-1")
        try world.offer("B", version: "3.0.15-1")
        world.state.pins = ["libssl3": "3.0.9-1"]
        #expect(world.outcome == ["+A", "!B"])
    }

    @Test func `a cut-off date leaves out what is younger, and what has no date`() throws {
        var world = World()
        try world.offer("A", { $0.published = UTCTime("2026-01-30T00:00:00Z") })
        try world.offer("B", { $0.published = UTCTime("2026-02-02T00:00:00Z") })
        try world.offer("C")
        world.configuration.cutOff = "2026-01-31T23:59:59Z"
        #expect(world.outcome == ["+A", "!B", "!C"])
    }

    @Test func `without the ring's approval nothing is installed`() throws {
        var world = World()
        try world.offer("A", rings: ["edge"])
        try world.offer("B", rings: ["edge", "stable"])
        world.configuration.channels[0].ring = "stable"
        #expect(world.outcome == ["+B", "!A"])
    }

    @Test func `a ring in another channel approves by content`() throws {
        var world = World()
        try world.offer("A")
        var site = world.catalogue
        site.entries[0].rings = ["prod"]
        world.configuration.channels[0].ring = "prod"
        world.configuration.channels[0].ringChannel = "site"
        #expect(world.outcome == ["!A"])
        var planner = world.planner
        planner.catalogues["site"] = site
        #expect(planner.upgrade().steps.map(\.update.id) == ["A"])
    }

    @Test func `a withdrawn update comes out by policy`() throws {
        var world = World()
        try world.offer("A")
        world.install("A", in: [10, 11])
        world.catalogue.withdrawals = [Withdrawal(id: "A", reason: "crashes", time: UTCTime(seconds: 1))]
        world.catalogue.entries = []
        #expect(world.outcome == ["-A"])
        world.configuration.withdrawn = .warn
        #expect(world.outcome == [])
        #expect(world.planner.withdrawn().map(\.reason) == ["crashes"])
    }

    @Test func `what is on the never-list isn't touched`() throws {
        var world = World()
        try world.offer("A")
        world.never.targets = ["libssl"]
        #expect(world.outcome == ["!A"])
        world.never = NeverList()
        world.never.executables = ["^/usr/sbin/web$"]
        #expect(world.outcome == ["!A"])
    }

    @Test func `only the named channel may update user space`() throws {
        var world = World()
        try world.offer("A")
        world.configuration.userChannel = "other"
        #expect(world.outcome == [])
    }

    @Test func `an update of the running kernel goes through the same questions`() throws {
        var world = World()
        try world.offer("K", build: "cc", family: "kernel/6.1")
        try world.offer("L", build: "dd", family: "kernel/6.1")
        #expect(world.outcome == ["+K"])
        world.state.held = ["kernel/6.1"]
        #expect(world.outcome == ["!K"])
        world.state.held = []
        world.install("K", in: [])
        #expect(world.outcome == ["+K"], "it is installed, and the running kernel lacks it")
        world.kernelMemory = [world.digest(of: "K")]
        #expect(world.outcome == [])
        #expect(world.planner.boot().steps.isEmpty, "the kernel's own replay comes before the client's")
        #expect(world.planner.upgrade(.user).steps.isEmpty)
    }

    @Test func `boot replays what is accepted, in order; removal goes backwards`() throws {
        var world = World()
        try world.offer("A")
        try world.offer("B")
        try world.offer("C")
        for id in ["A", "B", "C"] { world.install(id, in: [10, 11]) }
        world.state.installed[1].trial = .init(until: 5, bootID: "boot-1")
        #expect(world.planner.boot().steps.map(\.update.id) == ["A", "C"])
        #expect(world.planner.remove().steps.map(\.update.id) == ["C", "B", "A"])
        world.state.lastAction = ["C"]
        #expect(world.planner.undo().steps.map(\.update.id) == ["C"])
    }

    @Test func `effective means in memory of every process`() throws {
        var world = World()
        try world.offer("A", version: "3.0.9-1")
        try world.offer("B", version: "3.0.15-1")
        world.install("A", in: [10, 11])
        world.install("B", in: [10])
        let mixed = EffectiveVersions.make(world.state.installed, world.inventory, world.memory)
        #expect(mixed.packages.map(\.effective) == [nil])
        let missing = world.digest(of: "B")
        world.memory[ProcessID(11)]?.insert(missing)
        let whole = EffectiveVersions.make(world.state.installed, world.inventory, world.memory)
        #expect(whole.packages.map(\.effective) == ["3.0.15-1"])
    }

    @Test func `effective versions go stale by our updates only, not by foreign patches or ended processes`()
        throws
    {
        var world = World()
        try world.offer("A", version: "3.0.9-1")
        world.install("A", in: [10, 11])
        func versions() -> EffectiveVersions {
            .make(world.state.installed, world.inventory, world.memory)
        }
        let recorded = versions()
        #expect(versions().changes(since: recorded).isEmpty)
        world.memory[ProcessID(12)] = ["a patch that somebody applied by hand"]
        #expect(versions().changes(since: recorded).isEmpty)
        #expect(versions().set == recorded.set)
        let all = world.inventory
        world.inventory.modules = world.inventory.modules.mapValues {
            var module = $0
            module.processes.removeAll { $0 == ProcessID(11) }
            return module
        }
        world.memory[ProcessID(11)] = nil
        #expect(versions().changes(since: recorded).isEmpty)
        world.inventory = all
        #expect(versions().changes(since: recorded).map(\.name) == ["libssl3"])
    }
}

/// What a boot makes of the one before.
@Suite struct BootMemoryTests {
    private func decide(_ stage: BootMemory.Stage, ends: Int = 0, set: [String] = ["a"], crash: Bool = false)
        -> BootMemory.Verdict
    {
        let previous = BootMemory(bootID: "1", set: set, stage: stage, uncleanEnds: ends)
        return BootMemory.decide(previous, bootID: "2", set: ["a"], hasCrashDump: crash, limit: 3)
    }

    @Test func `the first replay needs no history`() {
        #expect(
            BootMemory.decide(nil, bootID: "2", set: [], hasCrashDump: true, limit: 3) == .replay(uncleanEnds: 0))
    }

    @Test func `after a settled boot all is forgotten`() {
        #expect(decide(.settled, ends: 2) == .replay(uncleanEnds: 0))
    }

    @Test(arguments: [BootMemory.Stage.replaying, .replayed])
    func `a power cut is not yet the set's fault`(stage: BootMemory.Stage) {
        #expect(decide(stage) == .replay(uncleanEnds: 1))
        #expect(decide(stage, ends: 1) == .replay(uncleanEnds: 2))
    }

    @Test func `one unclean end too many holds the set back`() {
        guard case .held = decide(.replayed, ends: 2) else {
            Issue.record("replayed again")
            return
        }
    }

    @Test func `a crash dump holds the set back at once, and it stays held`() {
        #expect(decide(.replayed, crash: true) == .held("the kernel crashed shortly after the last replay"))
        #expect(decide(.held) == .held("it was held back before"))
    }

    @Test func `another set starts anew`() {
        #expect(decide(.replayed, ends: 2, set: ["b"]) == .replay(uncleanEnds: 0))
    }
}
